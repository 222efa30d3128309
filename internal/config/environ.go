package config

import (
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
)

// envOptions makes the environment provider yield the settings by their names.
func (src Sources) envOptions() env.Opt {
	known := knownNames()
	return env.Opt{
		Prefix: EnvPrefix,
		TransformFunc: func(variable, value string) (string, any) {
			name := optionName(variable)
			if name != FileFlag && !known[name] {
				return "", nil
			}
			return name, value
		},
		EnvironFunc: func() []string { return src.Environ },
	}
}

// Unknown lists the variables that begin with [EnvPrefix] and name no setting,
// sorted, apart from those that Kubernetes and our tests make.
func (src Sources) Unknown() []string {
	known := knownNames()
	var unknown []string
	for _, pair := range src.Environ {
		variable, _, _ := strings.Cut(pair, "=")
		name := optionName(variable)
		if !strings.HasPrefix(variable, EnvPrefix) || name == FileFlag || known[name] || foreign(variable) {
			continue
		}
		unknown = append(unknown, variable)
	}
	slices.Sort(unknown)
	return unknown
}

// foreign tells the variables that others make: tests, and Kubernetes for each
// service of the namespace.
func foreign(variable string) bool {
	return strings.HasPrefix(variable, EnvPrefix+"TEST_") ||
		strings.Contains(variable, "_SERVICE_") ||
		strings.HasSuffix(variable, "_PORT") || strings.Contains(variable, "_PORT_")
}

func optionName(variable string) string {
	name := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, EnvPrefix), "_", "-"))
	if singular := strings.TrimSuffix(name, "s"); repeating()[singular] {
		return singular
	}
	return name
}

func knownNames() map[string]bool {
	names := make(map[string]bool)
	for _, o := range Options(new(Config)) {
		names[o.Name] = true
	}
	return names
}
