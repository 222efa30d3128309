package files_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/durable"
	"awala.network/gateway/internal/durable/durabletest"
)

// step is a call of a scenario: a Put, or a Delete where body is "".
type step struct {
	key, body string
	ifAbsent  bool
}

// Wherever the power fails, what was acknowledged is there afterwards, and the
// rest is there whole or not at all.
func TestPowerFailure(t *testing.T) {
	tests := map[string][]step{
		"new objects":  {{"a/b/1", "one", false}, {"a/b/2", "two", false}, {"a/c", "three", true}},
		"replaced":     {{"a/b/1", "one", false}, {"a/b/1", "two", false}, {"a/b/1", "three", false}},
		"deleted":      {{"a/b/1", "one", true}, {"a/b/1", "", false}, {"a/b/1", "two", true}},
		"next to gone": {{"a/b/1", "one", false}, {"a/b/1", "", false}, {"a/b/2", "two", true}, {"a/d", "x", true}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			durabletest.EachPowerFailure(t, durabletest.NewDisk, func(fsys durable.FS) func(*testing.T, *durabletest.Disk) {
				allowed := play(t, fsys, steps)
				return func(t *testing.T, after *durabletest.Disk) { checkAfter(t, after, allowed) }
			})
		})
	}
}

// play runs the steps until one fails and returns, for each key, the bodies
// that may be found afterwards; "" stands for no object.
func play(t *testing.T, fsys durable.FS, steps []step) map[string][]string {
	allowed := map[string][]string{}
	store, err := files.Open("/blobs", files.Options{FS: fsys})
	for _, s := range steps {
		if err != nil {
			break
		}
		before, known := allowed[s.key]
		if !known {
			before = []string{""}
		}
		if s.body == "" {
			err = store.Delete(t.Context(), s.key)
			allowed[s.key] = append(before, "") // a deletion may be undone
			continue
		}
		err = store.Put(t.Context(), s.key, []byte(s.body), blobs.Meta{IfAbsent: s.ifAbsent})
		if err == nil {
			before = nil
		}
		allowed[s.key] = append(before, s.body)
	}
	return allowed
}

func checkAfter(t *testing.T, after *durabletest.Disk, allowed map[string][]string) {
	t.Helper()
	store := open(t, "/blobs", files.Options{FS: after})
	for key, bodies := range allowed {
		body, _, err := store.Get(t.Context(), key)
		if err != nil && !errors.Is(err, blobs.ErrNotFound) {
			t.Errorf("%s: %v", key, err)
		}
		if !slices.Contains(bodies, string(body)) {
			t.Errorf("%s is %q, allowed are %q", key, body, bodies)
		}
	}
	for _, path := range after.Paths() {
		if strings.Contains(path, "unfinished") {
			t.Errorf("not swept: %s", path)
		}
	}
}
