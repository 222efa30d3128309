// Package documentstest is the conformance suite of package documents. Every
// implementation runs it, so that what one store promises all of them promise.
package documentstest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/documents"
)

// Fault is a way in which a write fails.
type Fault int

const (
	// NotStored is a write that failed before it took effect.
	NotStored Fault = iota
	// Stored is a write that took effect although its caller was told that it
	// failed, or never heard of it.
	Stored
)

// Fixture is one database under test, empty at first.
type Fixture struct {
	// Open returns a new handle on the database, which the suite closes. Every
	// handle sees the same data.
	Open func(t *testing.T) documents.Database

	// OpenFaulty returns a new handle, which the suite closes, and a function that
	// makes the handle's next write fail once.
	OpenFaulty func(t *testing.T) (documents.Database, func(Fault))

	// Racy, unless empty, says why this server is known to break the promise that
	// writes through several handles at once never take a document backwards.
	// That part of the suite is skipped with it.
	Racy string
}

// Run runs the suite; each part of it gets a fixture of its own.
func Run(t *testing.T, factory func(t *testing.T) Fixture) {
	parts := map[string]func(*testing.T, Fixture){
		"Get": testGet, "Values": testValues, "Replace": testReplace, "ReplaceIsWhole": testReplaceIsWhole,
		"Batch": testBatch, "Invalid": testInvalid, "Cancelled": testCancelled,
		"Find": testFind, "FindPages": testFindPages, "FindFollowsReplace": testFindFollowsReplace,
		"Expired": testExpired, "All": testAll, "Delete": testDelete, "Checkpoint": testCheckpoint,
		"Collections": testCollections, "Drop": testDrop, "LaterIndex": testLaterIndex, "Reopen": testReopen,
		"FaultyReplace": testFaultyReplace, "FaultyDelete": testFaultyDelete,
		"FaultyCheckpoint": testFaultyCheckpoint, "FaultyDatabase": testFaultyDatabase,
		"Concurrency": testConcurrency, "ConcurrentHandles": testConcurrentHandles,
		"ConcurrentCheckpoints": testConcurrentCheckpoints, "Model": testModel,
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) { part(t, factory(t)) })
	}
}

// open opens a handle and closes it when the test ends.
func open(t *testing.T, f Fixture) documents.Database {
	t.Helper()
	db := f.Open(t)
	closeLater(t, db)
	return db
}

func closeLater(t *testing.T, db documents.Database) {
	t.Cleanup(func() {
		if err := db.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
}

// mailbox opens a collection of db with two indexes.
func mailbox(t *testing.T, db documents.Database) documents.Collection {
	t.Helper()
	c, err := db.Collection(t.Context(), "mailbox_v1", []string{"owner", "destination"})
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// doc makes a document whose body repeats its position, so that a torn one shows.
func doc(id string, position uint64) documents.Document {
	return documents.Document{
		ID: id, Position: position, Rank: int64(position), Keys: map[string]string{"owner": "alice"},
		Body: json.RawMessage(fmt.Sprintf(`{"position":%d}`, position)),
	}
}

// expiring is doc with an expiry that many seconds after a fixed moment.
func expiring(id string, seconds float64) documents.Document {
	d := doc(id, 1)
	d.ExpiresAt = moment(seconds)
	return d
}

func moment(seconds float64) time.Time {
	return time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func numbered(i int) string { return fmt.Sprintf("document-%05d", i) }

// wantStored fails the test unless the collection holds exactly those documents
// under their ids.
func wantStored(t *testing.T, c documents.Collection, want ...documents.Document) {
	t.Helper()
	for _, w := range want {
		got, err := c.Get(t.Context(), w.ID)
		must(t, err)
		wantEqual(t, w, got)
	}
	n, err := c.Count(t.Context())
	must(t, err)
	if n != len(want) {
		t.Errorf("Count() = %d, want %d", n, len(want))
	}
}

func wantEqual(t *testing.T, want, got documents.Document) {
	t.Helper()
	if diff := difference(want, got); diff != "" {
		t.Errorf("document %q (-want +got):\n%s", want.ID, diff)
	}
}

// difference compares two documents, their bodies by value.
func difference(want, got documents.Document) string {
	return cmp.Diff(want, got, cmp.Transformer("body", func(raw json.RawMessage) any {
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return "not JSON: " + string(raw)
		}
		return value
	}), cmp.Transformer("number", number))
}

// number gives literals of one value one form: 100, 100.0 and 1e2 are the same.
func number(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, _ := n.Float64()
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return f
}

func idsOf(docs []documents.Document) []string {
	ids := make([]string, 0, len(docs))
	for _, d := range docs {
		ids = append(ids, d.ID)
	}
	return ids
}

func wantIDs(t *testing.T, docs []documents.Document, err error, want ...string) {
	t.Helper()
	must(t, err)
	if diff := cmp.Diff(append([]string{}, want...), idsOf(docs)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}
