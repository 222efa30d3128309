package projections_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/projections"
)

var errCrash = errors.New("crash")

// outcome is what becomes of a write.
type outcome int

const (
	succeeds outcome = iota
	failsNotStored
	failsButStored
)

// crashing fails its first writes as planned.
type crashing struct {
	documents.Collection
	plan []outcome
}

func (c *crashing) write(do func() error) error {
	next := succeeds
	if len(c.plan) > 0 {
		next, c.plan = c.plan[0], c.plan[1:]
	}
	if next == failsNotStored {
		return errCrash
	}
	if err := do(); err != nil || next == succeeds {
		return err
	}
	return errCrash
}

func (c *crashing) Replace(ctx context.Context, docs []documents.Document) error {
	return c.write(func() error { return c.Collection.Replace(ctx, docs) })
}

func (c *crashing) SaveCheckpoint(ctx context.Context, position uint64) error {
	return c.write(func() error { return c.Collection.SaveCheckpoint(ctx, position) })
}

// folded is the fold itself, without a store.
func folded(records []events.Record) map[string]projections.Parcel {
	parcels := map[string]projections.Parcel{}
	for _, r := range records {
		id, _ := projections.Mailbox{}.DocumentID(r)
		p := parcels[id]
		if (projections.Mailbox{}).Fold(&p, r) {
			parcels[id] = p
		}
	}
	return parcels
}

func stored(t rapid.TB, c documents.Collection, ids map[string]projections.Parcel) map[string]projections.Parcel {
	parcels := map[string]projections.Parcel{}
	for id := range ids {
		d, err := c.Get(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		var p projections.Parcel
		if err := json.Unmarshal(d.Body, &p); err != nil {
			t.Fatal(err)
		}
		parcels[id] = p
	}
	if n, err := c.Count(context.Background()); err != nil || n != len(ids) {
		t.Fatalf("%d documents (%v), want %d", n, err, len(ids))
	}
	return parcels
}

// TestRunnerIsTheFold crashes the runner at random writes, before or after they
// take effect, and gives it records again from random positions.
func TestRunnerIsTheFold(t *testing.T) {
	db := database(t)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		var h history
		for range rapid.IntRange(1, 60).Draw(t, "records") {
			h.append(drawEvent(t))
		}
		store := &crashing{
			Collection: collection(t, db, projections.Mailbox{}),
			plan:       rapid.SliceOf(rapid.SampledFrom([]outcome{succeeds, failsNotStored, failsButStored})).Draw(t, "plan"),
		}
		runner := projections.NewRunner(projections.Mailbox{}, store, quiet)
		for {
			done, err := runner.Checkpoint(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if done == uint64(len(h.records)) {
				break
			}
			from := done - uint64(rapid.IntRange(0, int(done)).Draw(t, "overlap"))
			to := min(done+uint64(rapid.IntRange(1, 20).Draw(t, "batch")), uint64(len(h.records)))
			if _, err := runner.Apply(ctx, h.records[from:to]); err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
		}
		want := folded(h.records)
		if diff := cmp.Diff(want, stored(t, store, want)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRunnerPassesUnreadableRecordsBy(t *testing.T) {
	runner := projections.NewRunner(projections.Mailbox{}, collection(t, database(t), projections.Mailbox{}), quiet)
	bad := events.Read(events.StreamGatewayParcels, 1, events.GatewayParcelChannel("0"), nil, nil)
	good := events.Record{Event: accepted(0, 0, 0, later), Sequence: 2}
	report, err := runner.Apply(t.Context(), []events.Record{bad, good})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Unreadable) != 1 || report.Unreadable[0].Sequence != 1 || report.Changed != 1 {
		t.Errorf("report: %+v", report)
	}
	if done, err := runner.Checkpoint(t.Context()); err != nil || done != 2 {
		t.Errorf("checkpoint %d, %v", done, err)
	}
}

func TestPurge(t *testing.T) {
	c := collection(t, database(t), projections.Mailbox{})
	runner := projections.NewRunner(projections.Mailbox{}, c, quiet)
	var h history
	ended, open := accepted(0, 0, 0, later), accepted(0, 1, 0, later)
	for _, e := range []events.Event{ended, open, ending(0, ended)} {
		h.append(e)
	}
	if _, err := runner.Apply(t.Context(), h.records); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ days, purged, left int }{{7, 0, 2}, {8, 1, 1}, {1000, 0, 1}} {
		n, err := runner.Purge(t.Context(), later.AddDate(0, 0, step.days))
		if err != nil || n != step.purged {
			t.Errorf("after %d days: purged %d, %v", step.days, n, err)
		}
		if left, err := c.Count(t.Context()); err != nil || left != step.left {
			t.Errorf("after %d days: %d left, %v", step.days, left, err)
		}
	}
	// Records that come again do not bring it back.
	if _, err := runner.Apply(t.Context(), h.records); err != nil {
		t.Fatal(err)
	}
	if left, err := c.Count(t.Context()); err != nil || left != 1 {
		t.Errorf("%d left after repetition, %v", left, err)
	}
	if found, err := c.Find(t.Context(), documents.Query{Key: "gateway", Value: gateway(0), Limit: 10}); err != nil || len(found) != 1 || found[0].Rank == math.MaxInt64 {
		t.Errorf("the open parcel is not listed: %v, %v", found, err)
	}
}

// TestRunnerCountsOnce repeats records of which the fold alone could not tell
// that they were repeated.
func TestRunnerCountsOnce(t *testing.T) {
	c := collection(t, database(t), projections.Peers{})
	broken := &crashing{Collection: c, plan: []outcome{succeeds, failsNotStored}}
	var h history
	for range 3 {
		h.append(events.New("", "test", start, events.PrivateGatewayRegistered{PrivateGatewayID: gateway(1)}))
	}
	runner := projections.NewRunner(projections.Peers{}, broken, quiet)
	if _, err := runner.Apply(t.Context(), h.records[:2]); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	if _, err := runner.Apply(t.Context(), h.records); err != nil {
		t.Fatal(err)
	}
	peer, err := projections.NewPeerReader(c).Get(t.Context(), gateway(1))
	if err != nil || peer.Registrations != 3 {
		t.Errorf("%d registrations, %v", peer.Registrations, err)
	}
	if _, err := projections.NewPeerReader(c).Get(t.Context(), gateway(2)); !errors.Is(err, documents.ErrNotFound) {
		t.Errorf("an unknown peer: %v", err)
	}
}
