// Package vectors gives the tests of the Awala packages access to the messages
// under awala/testdata, which other implementations made. Their README says what
// each file holds. Every key among them is a throw-away test key.
package vectors

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Now is the instant at which the vectors are meant to be read: all messages and
// all certificates but the ones that test expiry are valid then.
var Now = time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC)

// Stacks names the folders with one implementation's messages each.
var Stacks = []string{"js", "jvm"}

// Read returns the octets of the vector called name, such as
// "js/parcel-to-private.ramf", and ends the test when there is none.
func Read(tb testing.TB, name string) []byte {
	tb.Helper()
	octets, err := os.ReadFile(filepath.Join(folder(tb), filepath.FromSlash(name)))
	if err != nil {
		tb.Fatalf("reading vector: %v", err)
	}
	return octets
}

// Parse returns the vector called name as parse reads it, and ends the test when
// it cannot.
func Parse[T any](tb testing.TB, name string, parse func([]byte) (T, error)) T {
	tb.Helper()
	parsed, err := parse(Read(tb, name))
	if err != nil {
		tb.Fatalf("reading vector %s: %v", name, err)
	}
	return parsed
}

// Glob returns the names of the vectors that match pattern, such as
// "*/cert-*.der", in order. It ends the test when there is none, so that a
// renamed file cannot turn a test into one that checks nothing.
func Glob(tb testing.TB, pattern string) []string {
	tb.Helper()
	root := folder(tb)
	matches, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil || len(matches) == 0 {
		tb.Fatalf("no vector matches %q (error: %v)", pattern, err)
	}
	names := make([]string, len(matches))
	for i, match := range matches {
		relative, err := filepath.Rel(root, match)
		if err != nil {
			tb.Fatalf("naming vector: %v", err)
		}
		names[i] = filepath.ToSlash(relative)
	}
	return names
}

// folder finds awala/testdata from any package of this module: tests run in the
// folder of their package.
func folder(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("finding the vectors: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "awala", "testdata")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("finding the vectors: no go.mod above the test's folder")
		}
		dir = parent
	}
}
