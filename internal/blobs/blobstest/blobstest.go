// Package blobstest is the conformance suite of blobs.Store: every adapter runs
// it, so that what standalone promises and what production promises is the same.
package blobstest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"awala.network/gateway/internal/blobs"
)

// Fault is one way for a write to fail.
type Fault int

// The fault pair.
const (
	// NotStored means that the write fails and changes nothing.
	NotStored Fault = iota
	// Stored means that the write takes effect and fails nevertheless, as when
	// the answer is lost.
	Stored
)

func (f Fault) String() string {
	if f == Stored {
		return "failed but stored"
	}
	return "failed and not stored"
}

// Subject is a store under test.
type Subject struct {
	blobs.Store
	// FailNextWrite makes the next Put or Delete fail in the given way.
	FailNextWrite func(Fault)
	// Hiccups is for servers that refuse a Put with a transient error now and
	// then while others write to the same key or folder.
	Hiccups bool
}

// Run tests the stores that open returns. They may share their objects with one
// another and with whatever else is in the same bucket: every test uses keys
// with a random first segment.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	tests := []struct {
		name string
		run  func(*testing.T, space)
	}{
		{"round trip", testRoundTrip},
		{"metadata", testMetadata},
		{"replace", testReplace},
		{"slices are not shared", testSlices},
		{"not found", testNotFound},
		{"delete", testDelete},
		{"invalid arguments", testInvalid},
		{"if absent", testIfAbsent},
		{"one of many claims", testConcurrentClaims},
		{"readers see whole bodies", testAtomicReplace},
		{"put while parents vanish", testPutAgainstDelete},
		{"list", testList},
		{"list many", testListMany},
		{"list while deleting", testListWhileDeleting},
		{"cancelled", testCancelled},
		{"fault pairs", testFaultPairs},
		{"model", testModel},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, space{open(t), randomSegment()}) })
	}
}

// space is a subject with a part of the keys that is a test's own.
type space struct {
	Subject
	root string
}

func randomSegment() string { return "t-" + strings.ToLower(rand.Text()) }

// key returns a key of this space.
func (s space) key(parts ...string) string {
	return s.root + "/" + strings.Join(parts, "/")
}

func (s space) put(t *testing.T, key string, body []byte, m blobs.Meta) {
	t.Helper()
	if err := s.Put(t.Context(), key, body, m); err != nil {
		t.Fatalf("Put(%s): %v", key, err)
	}
}

// wantBody fails the test unless body is what the store has under key.
func (s space) wantBody(t *testing.T, key string, body []byte) {
	t.Helper()
	got, _, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	if !bytes.Equal(got, body) {
		t.Fatalf("Get(%s) = %s, want %s", key, short(got), short(body))
	}
}

func (s space) wantNone(t *testing.T, key string) {
	t.Helper()
	if _, _, err := s.Get(t.Context(), key); !errors.Is(err, blobs.ErrNotFound) {
		t.Fatalf("Get(%s) error is %v, want ErrNotFound", key, err)
	}
}

// list returns the keys under prefix, in the order of the listing.
func (s space) list(t testing.TB, prefix string) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%s): %v", prefix, err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func short(b []byte) string {
	if len(b) > 20 {
		return fmt.Sprintf("%x... (%d octets)", b[:20], len(b))
	}
	return fmt.Sprintf("%q", b)
}
