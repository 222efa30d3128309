package telemetry

import "runtime/debug"

// Version is what this binary was built from: the module's version, or the
// first twelve digits of the commit, with "+dirty" when files were changed.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return commit(info.Settings)
}

func commit(settings []debug.BuildSetting) string {
	values := make(map[string]string)
	for _, s := range settings {
		values[s.Key] = s.Value
	}
	revision := values["vcs.revision"]
	if revision == "" {
		return "devel"
	}
	version := revision[:min(12, len(revision))]
	if values["vcs.modified"] == "true" {
		version += "+dirty"
	}
	return version
}
