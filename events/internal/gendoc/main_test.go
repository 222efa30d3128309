package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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
