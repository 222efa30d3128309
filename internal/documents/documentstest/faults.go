package documentstest

import (
	"errors"
	"testing"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/fault"
)

// faulty runs part with both faults. The handle that part gets fails as told; the
// collection beside it is of another handle and tells what was stored.
func faulty(t *testing.T, f Fixture, part func(t *testing.T, db documents.Database, fail func(), seen documents.Collection, stored bool)) {
	for name, which := range map[string]Fault{"NotStored": NotStored, "Stored": Stored} {
		t.Run(name, func(t *testing.T) {
			healthy := open(t, f)
			must(t, healthy.Drop(t.Context(), "mailbox_v1"))
			seen := mailbox(t, healthy)
			db, fail := f.OpenFaulty(t)
			closeLater(t, db)
			part(t, db, func() { fail(which) }, seen, which == Stored)
		})
	}
}

func wantTransient(t *testing.T, err error) {
	t.Helper()
	if err == nil || fault.IsPermanent(err) || fault.IsFatal(err) || errors.Is(err, documents.ErrNotFound) {
		t.Errorf("error = %v, want a transient one", err)
	}
}

func testFaultyReplace(t *testing.T, f Fixture) {
	faulty(t, f, func(t *testing.T, db documents.Database, fail func(), seen documents.Collection, stored bool) {
		c := mailbox(t, db)
		must(t, c.Replace(t.Context(), []documents.Document{doc("a", 1), doc("b", 9)}))
		batch := []documents.Document{doc("a", 5), doc("c", 5)}
		fail()
		wantTransient(t, c.Replace(t.Context(), batch))
		after := []documents.Document{doc("a", 5), doc("b", 9), doc("c", 5)}
		if stored {
			wantStored(t, seen, after...)
		} else {
			wantStored(t, seen, doc("a", 1), doc("b", 9))
		}
		batch = append(batch, doc("b", 5))
		for range 2 {
			must(t, c.Replace(t.Context(), batch))
			wantStored(t, seen, after...)
		}
		must(t, c.Replace(t.Context(), []documents.Document{doc("c", 4)}))
		wantStored(t, seen, after...)
	})
}

func testFaultyDelete(t *testing.T, f Fixture) {
	faulty(t, f, func(t *testing.T, db documents.Database, fail func(), seen documents.Collection, stored bool) {
		c := mailbox(t, db)
		must(t, c.Replace(t.Context(), []documents.Document{doc("a", 1), doc("b", 1)}))
		fail()
		wantTransient(t, c.Delete(t.Context(), []string{"a"}))
		if stored {
			wantStored(t, seen, doc("b", 1))
		} else {
			wantStored(t, seen, doc("a", 1), doc("b", 1))
		}
		must(t, c.Delete(t.Context(), []string{"a"}))
		wantStored(t, seen, doc("b", 1))
	})
}

func testFaultyCheckpoint(t *testing.T, f Fixture) {
	faulty(t, f, func(t *testing.T, db documents.Database, fail func(), seen documents.Collection, stored bool) {
		c := mailbox(t, db)
		must(t, c.SaveCheckpoint(t.Context(), 3))
		fail()
		wantTransient(t, c.SaveCheckpoint(t.Context(), 8))
		want := uint64(3)
		if stored {
			want = 8
		}
		wantCheckpoint(t, seen, want)
		must(t, c.SaveCheckpoint(t.Context(), 8))
		must(t, c.SaveCheckpoint(t.Context(), 5))
		wantCheckpoint(t, seen, 8)
	})
}

// testFaultyDatabase fails the writes that make and remove collections. They may
// take several steps: what matters is that repeating them completes them and that
// no checkpoint is left without its documents.
func testFaultyDatabase(t *testing.T, f Fixture) {
	faulty(t, f, func(t *testing.T, db documents.Database, fail func(), seen documents.Collection, _ bool) {
		must(t, seen.Replace(t.Context(), []documents.Document{doc("a", 1)}))
		must(t, seen.SaveCheckpoint(t.Context(), 1))
		fail()
		wantTransient(t, db.Drop(t.Context(), "mailbox_v1"))
		wantNotAhead(t, open(t, f))
		must(t, db.Drop(t.Context(), "mailbox_v1"))
		wantNames(t, db)
		fail()
		_, err := db.Collection(t.Context(), "mailbox_v1", []string{"owner", "destination"})
		wantTransient(t, err)
		c := mailbox(t, db)
		must(t, c.Replace(t.Context(), []documents.Document{doc("a", 1)}))
		wantStored(t, c, doc("a", 1))
	})
}

// wantNotAhead fails the test if the mailbox has a checkpoint but no document.
func wantNotAhead(t *testing.T, db documents.Database) {
	t.Helper()
	c := mailbox(t, db)
	n, err := c.Count(t.Context())
	must(t, err)
	if n == 0 {
		wantCheckpoint(t, c, 0)
	}
}
