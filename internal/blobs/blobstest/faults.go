package blobstest

import (
	"errors"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

// testFaultPairs fails each write both ways. Whatever happened, the error is
// transient, the state is one of the two allowed, and the same call repeated
// mends it.
func testFaultPairs(t *testing.T, s space) {
	writes := map[string]func(*testing.T, space, Fault){
		"new object":      failNew,
		"replaced object": failReplace,
		"claimed object":  failClaim,
		"taken object":    failTaken,
		"deleted object":  failDelete,
	}
	for _, f := range []Fault{NotStored, Stored} {
		for name, write := range writes {
			t.Run(name+" "+f.String(), func(t *testing.T) {
				write(t, space{s.Subject, randomSegment()}, f)
			})
		}
	}
}

// failPut puts and demands a transient error that promises nothing.
func (s space) failPut(t *testing.T, f Fault, key, body string, m blobs.Meta) {
	t.Helper()
	s.FailNextWrite(f)
	err := s.Put(t.Context(), key, []byte(body), m)
	wantUnknown(t, err)
}

func wantUnknown(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("the failure was not reported")
	}
	if fault.IsPermanent(err) || fault.IsFatal(err) || errors.Is(err, blobs.ErrFull) {
		t.Fatalf("an unknown outcome was reported as known: %v", err)
	}
}

func failNew(t *testing.T, s space, f Fault) {
	key := s.key("a", "k")
	s.failPut(t, f, key, "body", blobs.Meta{})
	if f == NotStored {
		s.wantNone(t, key)
	} else {
		s.wantBody(t, key, []byte("body"))
	}
	s.put(t, key, []byte("body"), blobs.Meta{})
	s.wantBody(t, key, []byte("body"))
}

func failReplace(t *testing.T, s space, f Fault) {
	key := s.key("a", "k")
	s.put(t, key, []byte("old"), blobs.Meta{})
	s.failPut(t, f, key, "new", blobs.Meta{})
	want := map[Fault]string{NotStored: "old", Stored: "new"}[f]
	s.wantBody(t, key, []byte(want))
	s.put(t, key, []byte("new"), blobs.Meta{})
	s.wantBody(t, key, []byte("new"))
}

// failClaim lets an adapter find out that a claim whose answer was lost is
// stored, and report success.
func failClaim(t *testing.T, s space, f Fault) {
	key := s.key("a", "k")
	s.FailNextWrite(f)
	err := s.Put(t.Context(), key, []byte("body"), blobs.Meta{IfAbsent: true})
	if err != nil || f == NotStored {
		wantUnknown(t, err)
	}
	err = s.Put(t.Context(), key, []byte("body"), blobs.Meta{IfAbsent: true})
	if f == NotStored && err != nil {
		t.Errorf("repeated claim: %v", err)
	}
	if f == Stored && !errors.Is(err, blobs.ErrExists) {
		t.Errorf("repeated claim: %v, want ErrExists", err)
	}
	s.wantBody(t, key, []byte("body"))
}

// failTaken claims a key that another has: whatever fails, the other's object
// stays.
func failTaken(t *testing.T, s space, f Fault) {
	key := s.key("a", "k")
	s.put(t, key, []byte("theirs"), blobs.Meta{IfAbsent: true})
	s.FailNextWrite(f)
	if err := s.Put(t.Context(), key, []byte("ours"), blobs.Meta{IfAbsent: true}); err == nil {
		t.Error("a taken key was claimed")
	}
	s.wantBody(t, key, []byte("theirs"))
	// Use up the fault where the adapter saw the key taken without writing.
	_ = s.Delete(t.Context(), key)
}

func failDelete(t *testing.T, s space, f Fault) {
	key := s.key("a", "k")
	s.put(t, key, []byte("body"), blobs.Meta{})
	s.FailNextWrite(f)
	wantUnknown(t, s.Delete(t.Context(), key))
	if f == NotStored {
		s.wantBody(t, key, []byte("body"))
	} else {
		s.wantNone(t, key)
	}
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	s.wantNone(t, key)
}
