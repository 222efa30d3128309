package blobstest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/blobs"
)

func testList(t *testing.T, s space) {
	names := []string{"a/1", "a/2/x", "a-b", "a.b", "a0/1", "ab/1", "b", "b-/c", "Z", "~"}
	for i, name := range names {
		s.put(t, s.key(name), make([]byte, i), blobs.Meta{})
	}
	tests := map[string][]string{
		"/":      {"Z", "a-b", "a.b", "a/1", "a/2/x", "a0/1", "ab/1", "b", "b-/c", "~"},
		"/a":     {"a-b", "a.b", "a/1", "a/2/x", "a0/1", "ab/1"},
		"/a/":    {"a/1", "a/2/x"},
		"/a/2":   {"a/2/x"},
		"/a/2/x": {"a/2/x"},
		"/b":     {"b", "b-/c"},
		"/c":     nil,
		"/b/":    nil,
	}
	for prefix, want := range tests {
		for i := range want {
			want[i] = s.key(want[i])
		}
		got := s.list(t, s.root+prefix)
		if !slices.IsSorted(want) {
			t.Fatal("the test is wrong")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
		}
	}
	for info, err := range s.List(t.Context(), s.root+"/") {
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Index(names, info.Key[len(s.root)+1:]); info.Size != int64(want) || info.StoredAt.IsZero() {
			t.Errorf("List() item %+v, want size %d", info, want)
		}
	}
}

// More objects than a page of S3 has.
func testListMany(t *testing.T, s space) {
	const count = 1100
	var want []string
	var group errgroup.Group
	group.SetLimit(16)
	for i := range count {
		key := s.key("many", fmt.Sprintf("%06d", i))
		want = append(want, key)
		group.Go(func() error { return s.Put(t.Context(), key, nil, blobs.Meta{}) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.list(t, s.key("many/"))); diff != "" {
		t.Errorf("List() (-want +got):\n%s", diff)
	}
	seen := 0
	for _, err := range s.List(t.Context(), s.key("many/")) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 3 {
			break
		}
	}
}

func testListWhileDeleting(t *testing.T, s space) {
	for i := range 20 {
		s.put(t, s.key(fmt.Sprintf("%02d", i/4), fmt.Sprintf("%02d", i)), nil, blobs.Meta{})
	}
	for info, err := range s.List(t.Context(), s.root) {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), info.Key); err != nil {
			t.Fatal(err)
		}
	}
	if left := s.list(t, s.root); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
