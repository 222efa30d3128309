package projections_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/projections"
)

// Records reads the history in memory, as a rebuild does.
func (h *history) Records(_ string, from uint64) projections.Records {
	return &memoryRecords{history: h, next: from}
}

type memoryRecords struct {
	history *history
	next    uint64
}

func (m *memoryRecords) Read(_ context.Context, limit int) ([]events.Record, bool, error) {
	m.history.mu.Lock()
	defer m.history.mu.Unlock()
	all := m.history.records[min(int(m.next)-1, len(m.history.records)):]
	batch := all[:min(limit, len(all))]
	m.next += uint64(len(batch))
	return batch, len(batch) == len(all), nil
}

func (*memoryRecords) Close(context.Context) {}

// faulty is a database that fails one of its writes, and all after it: the
// process has been killed.
type faulty struct {
	documents.Database
	left   int  // writes that succeed
	stored bool // the last one takes effect nevertheless
	dead   bool
}

func (f *faulty) write(do func() error) error {
	if f.dead {
		return errCrash
	}
	if f.left--; f.left >= 0 {
		return do()
	}
	f.dead = true
	if f.stored {
		_ = do()
	}
	return errCrash
}

func (f *faulty) Collection(ctx context.Context, name string, indexes []string) (c documents.Collection, err error) {
	err = f.write(func() error {
		c, err = f.Database.Collection(ctx, name, indexes)
		return err
	})
	return faultyCollection{c, f}, err
}

func (f *faulty) Drop(ctx context.Context, name string) error {
	return f.write(func() error { return f.Database.Drop(ctx, name) })
}

type faultyCollection struct {
	documents.Collection
	f *faulty
}

func (c faultyCollection) Replace(ctx context.Context, docs []documents.Document) error {
	return c.f.write(func() error { return c.Collection.Replace(ctx, docs) })
}

func (c faultyCollection) SaveCheckpoint(ctx context.Context, position uint64) error {
	return c.f.write(func() error { return c.Collection.SaveCheckpoint(ctx, position) })
}

// kept is a projection with everything around it.
type kept[S any] struct {
	db          documents.Database
	history     *history
	projection  projections.Projection[S]
	live        documents.Collection
	runner      *projections.Runner[S]
	maintenance *projections.Maintenance[S]
}

func keep[S any](t testing.TB, db documents.Database, h *history, p projections.Projection[S]) *kept[S] {
	live, err := projections.Open(t.Context(), db, p)
	if err != nil {
		t.Fatal(err)
	}
	return &kept[S]{
		db: db, history: h, projection: p, live: live, runner: projections.NewRunner(p, live, quiet),
		maintenance: projections.NewMaintenance(p, db, h, quiet),
	}
}

// run brings the live version to the end of the history, as the worker does.
func (k *kept[S]) run(t testing.TB) {
	t.Helper()
	for range 10 {
		from, err := k.runner.From(t.Context())
		if err == nil {
			_, err = k.runner.Apply(t.Context(), k.history.records[from-1:])
		}
		if err == nil {
			return
		}
		t.Log(err)
	}
	t.Fatal("the runner does not recover")
}

// verify returns the differences.
func (k *kept[S]) verify(t testing.TB) (found []projections.Difference) {
	t.Helper()
	_, err := k.maintenance.Verify(t.Context(), database(t), nil, func(d projections.Difference) error {
		found = append(found, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (k *kept[S]) status(t testing.TB) projections.Status {
	t.Helper()
	s, err := k.maintenance.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mailHistory is a history of n parcels of two gateways, half of which are ended.
func mailHistory(n int) *history {
	h := new(history)
	for i := range n {
		e := accepted(i%2, i, 0, far)
		h.append(e)
		if i%2 == 0 {
			h.append(ending(i%4, e))
		}
	}
	return h
}

func TestRebuildMendsAndVerifyTells(t *testing.T) {
	h := mailHistory(40)
	k := keep(t, database(t), h, projections.Mailbox{})
	k.run(t)
	if found := k.verify(t); len(found) > 0 {
		t.Fatalf("a sound projection differs: %v", found)
	}
	lost, changed := h.records[2], h.records[5]
	tamper(t, k, lost, changed)
	want := map[string]projections.Kind{
		documentID(lost): projections.Missing, documentID(changed): projections.Changed, "stranger": projections.Extra,
	}
	got := map[string]projections.Kind{}
	for _, d := range k.verify(t) {
		got[d.ID] = d.Kind
		if d.Kind == projections.Changed && (len(d.Fields) != 1 || d.Fields[0].Path != "body.versions.0.state") {
			t.Errorf("fields: %v", d.Fields)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("differences", diff)
	}
	var phases []projections.Phase
	done, err := k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{Compare: true}, func(p projections.Progress) {
		phases = append(phases, p.Phase)
	})
	if err != nil || done.Documents != 40 || *done.Differences != 3 {
		t.Errorf("%+v, %v", done, err)
	}
	phases = slices.Compact(phases)
	if diff := cmp.Diff([]projections.Phase{"folding", "comparing", "folding", "done"}, phases); diff != "" {
		t.Error("phases", diff)
	}
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs after the rebuild: %v", found)
	}
}

func documentID(r events.Record) string {
	id, _ := projections.Mailbox{}.DocumentID(r)
	return id
}

// tamper removes a document, changes one, and adds one.
func tamper(t *testing.T, k *kept[projections.Parcel], lost, changed events.Record) {
	t.Helper()
	d, err := k.live.Get(t.Context(), documentID(changed))
	if err == nil {
		d.Body = []byte(strings.Replace(string(d.Body), `"queued"`, `"dropped"`, 1))
		err = k.live.Delete(t.Context(), []string{d.ID, documentID(lost)})
	}
	if err == nil {
		err = k.live.Replace(t.Context(), []documents.Document{d, {ID: "stranger", Position: 1, Body: []byte("{}")}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRebuildKilledAnywhere kills a rebuild at every write that it makes, before
// or after it takes effect. The live version goes on as it was, and the next
// rebuild, of another process, comes to the end.
func TestRebuildKilledAnywhere(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for writes, ended := 0, false; !ended; writes++ {
			t.Run(fmt.Sprintf("%d %v", writes, stored), func(t *testing.T) {
				h := mailHistory(12)
				k := keep(t, database(t), h, projections.Mailbox{})
				k.run(t)
				before := k.status(t)
				broken := &faulty{Database: k.db, left: writes, stored: stored}
				dying := projections.NewMaintenance(projections.Mailbox{}, broken, h, quiet)
				_, err := dying.Rebuild(t.Context(), projections.RebuildOptions{}, nil)
				if err == nil {
					_, err = dying.Sweep(t.Context(), 0)
				}
				if ended = err == nil; !ended && !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				checkIntact(t, k, before)
				if _, err := k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{}, nil); err != nil {
					t.Fatal(err)
				}
				if _, err := k.maintenance.Sweep(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				h.append(accepted(0, 100, 0, far))
				k.run(t)
				if found := k.verify(t); len(found) > 0 {
					t.Errorf("differs: %v", found)
				}
				// Where a write makes a collection, as in MongoDB, a worker that has not
				// looked for the live version since may have made one that was dropped.
				if _, err := k.maintenance.Sweep(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				if names, err := k.db.Names(t.Context()); err != nil || len(names) != 2 {
					t.Errorf("left behind: %v, %v", names, err)
				}
			})
			if writes > 50 {
				t.Fatal("no end")
			}
		}
	}
}

// checkIntact shows that the live version has all its documents and goes on.
func checkIntact(t *testing.T, k *kept[projections.Parcel], before projections.Status) {
	t.Helper()
	after := k.status(t)
	if after.Documents != before.Documents || after.Checkpoint != before.Checkpoint {
		t.Errorf("was %+v, is %+v", before, after)
	}
	k.history.append(accepted(1, 99, 0, far))
	k.run(t)
	reader := projections.NewReader(k.live, k.history, clock)
	for g := range 2 {
		items, err := reader.Pending(t.Context(), gateway(g), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pendingOf(k.history.records, gateway(g), 0), sequences(items)); diff != "" {
			t.Error(diff)
		}
	}
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs: %v", found)
	}
}

// TestInterruptedRebuildIsTakenUp shows that what was folded is not folded again,
// unless that is asked for.
func TestInterruptedRebuildIsTakenUp(t *testing.T) {
	h := mailHistory(7500) // more than one batch
	k := keep(t, database(t), h, projections.Mailbox{})
	k.run(t)
	interrupt := func() {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := k.maintenance.Rebuild(ctx, projections.RebuildOptions{}, func(projections.Progress) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	interrupt()
	if s := k.status(t); s.Building == nil || s.Built == 0 {
		t.Fatalf("%+v", s)
	}
	done, err := k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{}, nil)
	if err != nil || done.Resumed == 0 || done.Documents != 7500 {
		t.Errorf("%+v, %v", done, err)
	}
	interrupt()
	done, err = k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{Fresh: true}, nil)
	if err != nil || done.Resumed != 0 || done.Documents != 7500 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestLostStoreIsFoldedAgain drops every collection under a runner and a reader.
func TestLostStoreIsFoldedAgain(t *testing.T) {
	h := mailHistory(20)
	k := keep(t, database(t), h, projections.Mailbox{})
	k.run(t)
	reader := projections.NewReader(k.live, h, clock)
	check := func(when string) {
		t.Helper()
		items, err := reader.Pending(t.Context(), gateway(1), 0, 100)
		if err != nil {
			t.Fatal(when, err)
		}
		if diff := cmp.Diff(pendingOf(h.records, gateway(1), 0), sequences(items)); diff != "" {
			t.Error(when, diff)
		}
	}
	check("before")
	wipe(t, k.db)
	check("when all is lost")
	h.append(accepted(1, 77, 0, far))
	_, err := k.runner.Apply(t.Context(), h.records[len(h.records)-1:])
	if err == nil {
		t.Error("a batch was folded into nothing")
	}
	check("while it is folded again")
	k.run(t)
	check("after")
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs: %v", found)
	}
}

func wipe(t testing.TB, db documents.Database) {
	t.Helper()
	names, err := db.Names(t.Context())
	for _, name := range names {
		err = errors.Join(err, db.Drop(t.Context(), name))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweepKeepsThePreviousForAWhile(t *testing.T) {
	k := keep(t, database(t), mailHistory(3), projections.Mailbox{})
	k.run(t)
	if _, err := k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	if dropped, err := k.maintenance.Sweep(t.Context(), time.Hour); err != nil || len(dropped) != 0 {
		t.Errorf("dropped %v, %v", dropped, err)
	}
	if dropped, err := k.maintenance.Sweep(t.Context(), 0); err != nil || len(dropped) != 1 {
		t.Errorf("dropped %v, %v", dropped, err)
	}
}

func TestGapsAreTold(t *testing.T) {
	h := mailHistory(6)
	k := keep(t, database(t), h, projections.Mailbox{})
	report, err := k.runner.Apply(t.Context(), append(h.records[2:4:4], h.records[6:]...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]projections.Gap{{First: 1, Last: 2}, {First: 5, Last: 6}}, report.Gaps); diff != "" {
		t.Error(diff)
	}
}

// openAnother opens a second handle on the file of a database.
func openAnother(t testing.TB, path string) documents.Database {
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	return db
}

// TestTwoRebuildsAtOnce lets two processes rebuild the same projection.
func TestTwoRebuildsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shared.db")
	h := mailHistory(500)
	k := keep(t, openAnother(t, path), h, projections.Mailbox{})
	k.run(t)
	other := projections.NewMaintenance(projections.Mailbox{}, openAnother(t, path), h, quiet)
	results := make(chan error, 2)
	for _, m := range []*projections.Maintenance[projections.Parcel]{k.maintenance, other} {
		go func() {
			_, err := m.Rebuild(context.Background(), projections.RebuildOptions{}, nil)
			results <- err
		}()
	}
	for range 2 {
		if err := <-results; err != nil && !errors.Is(err, projections.ErrBusy) {
			t.Error(err)
		}
	}
	k.run(t)
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs: %v", found)
	}
}
