package gateway

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"awala.network/gateway/internal/config"
)

// TestLimitsDocumented holds docs/limits.md to the settings, their defaults, and the
// metrics.
func TestLimitsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([^|]*?) ?\\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = strings.Trim(row[2], "`")
	}
	options := config.Options(&config.Default().Limits)
	for _, o := range options {
		if got, ok := documented[o.Name]; !ok || got != o.Default {
			t.Errorf("%s: documented default %q, want %q", o.Name, got, o.Default)
		}
	}
	if len(documented) != len(options) {
		t.Errorf("%d settings documented, there are %d", len(documented), len(options))
	}
	names := exported(t)
	for _, metric := range regexp.MustCompile(`awala_[a-z_]+`).FindAllString(string(text), -1) {
		if names[metric] == nil {
			t.Errorf("there is no metric %s", metric)
		}
	}
}
