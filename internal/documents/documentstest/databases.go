package documentstest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/documents"
)

func testCheckpoint(t *testing.T, f Fixture) {
	db := open(t, f)
	c := mailbox(t, db)
	wantCheckpoint(t, c, 0)
	for _, step := range []struct{ save, want uint64 }{{0, 0}, {7, 7}, {3, 7}, {7, 7}, {1 << 60, 1 << 60}, {8, 1 << 60}} {
		must(t, c.SaveCheckpoint(t.Context(), step.save))
		wantCheckpoint(t, c, step.want)
	}
	other, err := db.Collection(t.Context(), "peers_v1", nil)
	must(t, err)
	wantCheckpoint(t, other, 0)
	wantStored(t, c)
}

func wantCheckpoint(t *testing.T, c documents.Collection, want uint64) {
	t.Helper()
	got, err := c.Checkpoint(t.Context())
	must(t, err)
	if got != want {
		t.Errorf("Checkpoint() = %d, want %d", got, want)
	}
}

func wantNames(t *testing.T, db documents.Database, want ...string) {
	t.Helper()
	got, err := db.Names(t.Context())
	must(t, err)
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
		t.Errorf("Names() (-want +got):\n%s", diff)
	}
}

func testCollections(t *testing.T, f Fixture) {
	db := open(t, f)
	wantNames(t, db)
	second, err := db.Collection(t.Context(), "mailbox_v2", []string{"owner"})
	must(t, err)
	first := mailbox(t, db)
	wantNames(t, db, "mailbox_v1", "mailbox_v2")
	must(t, first.Replace(t.Context(), []documents.Document{doc("a", 1)}))
	must(t, second.Replace(t.Context(), []documents.Document{doc("a", 2), doc("b", 2)}))
	wantStored(t, first, doc("a", 1))
	wantStored(t, second, doc("a", 2), doc("b", 2))
	wantStored(t, mailbox(t, db), doc("a", 1))
}

func testDrop(t *testing.T, f Fixture) {
	db := open(t, f)
	must(t, db.Drop(t.Context(), "mailbox_v1"))
	c := mailbox(t, db)
	kept, err := db.Collection(t.Context(), "mailbox_v2", []string{"owner"})
	must(t, err)
	for _, each := range []documents.Collection{c, kept} {
		must(t, each.Replace(t.Context(), []documents.Document{doc("a", 5)}))
		must(t, each.SaveCheckpoint(t.Context(), 5))
	}
	must(t, db.Drop(t.Context(), "mailbox_v1"))
	must(t, db.Drop(t.Context(), "mailbox_v1"))
	wantNames(t, db, "mailbox_v2")
	wantStored(t, kept, doc("a", 5))
	wantCheckpoint(t, kept, 5)
	again := mailbox(t, db)
	wantStored(t, again)
	wantCheckpoint(t, again, 0)
	must(t, again.Replace(t.Context(), []documents.Document{doc("a", 1)}))
	wantStored(t, again, doc("a", 1))
}

// testLaterIndex opens a collection that has documents with one more index.
func testLaterIndex(t *testing.T, f Fixture) {
	db := open(t, f)
	c, err := db.Collection(t.Context(), "mailbox_v1", []string{"owner"})
	must(t, err)
	must(t, c.Replace(t.Context(), []documents.Document{doc("a", 1)}))
	c, err = db.Collection(t.Context(), "mailbox_v1", []string{"owner", "destination"})
	must(t, err)
	must(t, c.Replace(t.Context(), []documents.Document{listed("b", "bob", 2)}))
	found, err := c.Find(t.Context(), documents.Query{Key: "destination", Value: "dbob", Limit: 5})
	wantIDs(t, found, err, "b")
	c, err = db.Collection(t.Context(), "mailbox_v1", nil)
	must(t, err)
	wantStored(t, c, doc("a", 1), listed("b", "bob", 2))
}

func testReopen(t *testing.T, f Fixture) {
	first := f.Open(t)
	c := mailbox(t, first)
	must(t, c.Replace(t.Context(), []documents.Document{doc("a", 5), expiring("b", 1)}))
	must(t, c.SaveCheckpoint(t.Context(), 5))
	must(t, first.Close(t.Context()))
	db := open(t, f)
	wantNames(t, db, "mailbox_v1")
	c = mailbox(t, db)
	wantStored(t, c, doc("a", 5), expiring("b", 1))
	wantCheckpoint(t, c, 5)
	must(t, c.Replace(t.Context(), []documents.Document{doc("a", 4)}))
	wantStored(t, c, doc("a", 5), expiring("b", 1))
}
