package projections_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/projections"
)

// TestPendingIsExactWhateverHappens asks one reader again and again, while the
// projection lags, is rebuilt, switched, swept and lost.
func TestPendingIsExactWhateverHappens(t *testing.T) {
	db := database(t)
	rapid.Check(t, func(rt *rapid.T) {
		wipe(t, db)
		h := new(history)
		k := keep(t, db, h, projections.Mailbox{})
		reader := projections.NewReader(k.live, h, clock)
		for range rapid.IntRange(1, 20).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 6).Draw(rt, "records") {
				h.append(drawEvent(rt))
			}
			k.disturb(t, rt)
			g := gateway(rapid.IntRange(0, 1).Draw(rt, "gateway"))
			items, err := reader.Pending(t.Context(), g, 0, 100)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(pendingOf(h.records, g, 0), sequences(items)); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

// TestNoHoleAtTheSwitch lets others write and read in the manner of the delivery
// queue, the checkpoint first and documents then, while the projection is rebuilt
// again and again.
func TestNoHoleAtTheSwitch(t *testing.T) {
	const parcels, rebuilds = 400, 8
	h := mailHistory(20)
	k := keep(t, database(t), h, projections.Mailbox{})
	k.run(t)
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() { // the events and the worker
		for i := 0; ctx.Err() == nil && i < parcels; i++ {
			h.append(accepted(i%2, 1000+i, 0, far))
			from, err := k.runner.From(ctx)
			if err == nil {
				batch, _, _ := h.Records("", from).Read(ctx, 3)
				_, err = k.runner.Apply(ctx, batch)
			}
			if err != nil && ctx.Err() == nil {
				t.Log(err)
			}
		}
	})
	for range 2 {
		others.Go(func() {
			for told := uint64(0); ctx.Err() == nil; {
				told = checkNoHole(ctx, t, k, told)
			}
		})
	}
	for range rebuilds {
		if _, err := k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{}, nil); err != nil {
			t.Error(err)
		}
	}
	stop()
	others.Wait()
	k.run(t)
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs: %v", found)
	}
}

// checkNoHole reads a checkpoint, which is never lower than the last, and then
// every document that is accepted up to there.
func checkNoHole(ctx context.Context, t *testing.T, k *kept[projections.Parcel], told uint64) uint64 {
	checkpoint, err := k.live.Checkpoint(ctx)
	if err != nil {
		return told // the test is over
	}
	if checkpoint < told {
		t.Errorf("the checkpoint went back from %d to %d", told, checkpoint)
	}
	k.history.mu.Lock()
	records := k.history.records[:checkpoint]
	k.history.mu.Unlock()
	for _, r := range records {
		d, err := k.live.GetMany(ctx, []string{documentID(r)})
		if err == nil && d[documentID(r)].Position < r.Sequence {
			t.Errorf("sequence %d is not in the documents at checkpoint %d", r.Sequence, checkpoint)
		}
	}
	return checkpoint
}
