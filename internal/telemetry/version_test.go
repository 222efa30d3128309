package telemetry

import (
	"runtime/debug"
	"testing"
)

func TestCommit(t *testing.T) {
	tests := []struct {
		settings []debug.BuildSetting
		want     string
	}{
		{nil, "devel"},
		{[]debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}}, "0123456789ab"},
		{[]debug.BuildSetting{{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.modified", Value: "true"}}, "0123+dirty"},
	}
	for _, tt := range tests {
		if got := commit(tt.settings); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
