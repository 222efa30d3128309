package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
)

// TestCatalogueIsCurrent fails when docs/events.md differs from the source.
func TestCatalogueIsCurrent(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	want, err := generate(filepath.Join(root, "events"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, catalogue))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go run ./events/internal/gendoc (-source +docs):\n%s", diff)
	}
}

func TestUpcastVersionsAreListed(t *testing.T) {
	readAs := func(typ events.Type) events.Type {
		if typ == "a.v1" {
			return "a.v2"
		}
		return typ
	}
	var out bytes.Buffer
	writeVersions(&out, []events.Type{"a.v1", "a.v2", "b.v1"}, readAs)
	want := "| recorded no more | read as |\n|---|---|\n| `a.v1` | `a.v2` |\n"
	if got := strings.TrimPrefix(out.String(), versionsIntro); strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got %s", got)
	}
}
