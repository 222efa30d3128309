package gateway

import (
	"errors"
	"testing"
	"time"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
)

func TestSweepBlobs(t *testing.T) {
	store, err := files.Open(t.TempDir(), files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	now := time.Now()
	for key, expiry := range map[string]time.Time{
		"a/expired": now.Add(-time.Hour), "a/valid": now.Add(time.Hour), "b/for-ever": {},
	} {
		if err := store.Put(t.Context(), key, []byte("x"), blobs.Meta{ExpiresAt: expiry}); err != nil {
			t.Fatal(err)
		}
	}
	remains := func(key string, want bool) {
		t.Helper()
		if _, err := store.Stat(t.Context(), key); errors.Is(err, blobs.ErrNotFound) == want {
			t.Errorf("%s: %v", key, err)
		}
	}
	// What was put after the instant is not even looked at.
	if err := sweepBlobs(t.Context(), store, now.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	remains("a/expired", true)
	if err := sweepBlobs(t.Context(), store, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	remains("a/expired", false)
	remains("a/valid", true)
	remains("b/for-ever", true)
}
