package projections_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// pendingOf is what should be pending, told without the fold under test.
func pendingOf(records []events.Record, gatewayID string, after uint64) []uint64 {
	seen, ended, useless := map[string]bool{}, map[string]bool{}, map[string]bool{}
	versions, current := map[string][]events.Event{}, map[string]events.Record{}
	for _, r := range records {
		data, ok := r.Data.(events.GatewayParcelAccepted)
		if !ok {
			for hash, a := range current {
				if a.ID == r.CausationID {
					delete(current, hash)
				}
			}
			if id := r.CausationID; seen[id] && !ended[id] {
				kind := r.Data.EventType()
				ended[id], useless[id] = true, kind == "gateway-parcel-expired.v1" || kind == "gateway-parcel-dropped.v1"
			}
			continue
		}
		if data.PrivateGatewayID != gatewayID || seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		outdated := slices.ContainsFunc(versions[data.Hash()], func(e events.Event) bool {
			return e.Data.(events.GatewayParcelAccepted).CreatedAt.After(data.CreatedAt) && !useless[e.ID]
		})
		versions[data.Hash()] = append(versions[data.Hash()], r.Event)
		if !outdated {
			current[data.Hash()] = r
		}
	}
	var pending []uint64
	for _, r := range records {
		a, ok := r.Data.(events.GatewayParcelAccepted)
		if ok && current[a.Hash()].Sequence == r.Sequence && r.Sequence > after && !a.ExpiresAt.Before(later) {
			pending = append(pending, r.Sequence)
		}
	}
	return pending
}

func sequences(items []projections.Item) []uint64 {
	var all []uint64
	for _, item := range items {
		all = append(all, item.Sequence)
	}
	return all
}

func clock() time.Time { return later }

// TestPendingIsExact interleaves records, a projection that lags at random and
// questions to one reader.
func TestPendingIsExact(t *testing.T) {
	db := database(t)
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		var h history
		c := collection(t, db, projections.Mailbox{})
		runner := projections.NewRunner(projections.Mailbox{}, c, quiet)
		reader := projections.NewReader(c, &h, clock)
		applied := 0
		for range rapid.IntRange(1, 25).Draw(t, "rounds") {
			for range rapid.IntRange(0, 8).Draw(t, "records") {
				h.append(drawEvent(t))
			}
			to := rapid.IntRange(applied, len(h.records)).Draw(t, "applied")
			if _, err := runner.Apply(ctx, h.records[applied:to]); err != nil {
				t.Fatal(err)
			}
			applied = to
			g := gateway(rapid.IntRange(0, 1).Draw(t, "gateway"))
			after := uint64(rapid.IntRange(0, len(h.records)).Draw(t, "after"))
			limit := rapid.IntRange(1, 6).Draw(t, "limit")
			items, err := reader.Pending(ctx, g, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			want := pendingOf(h.records, g, after)
			if diff := cmp.Diff(want[:min(limit, len(want))], sequences(items)); diff != "" {
				t.Fatal(diff)
			}
			k := rapid.IntRange(0, 4).Draw(t, "asked")
			found, err := reader.Find(ctx, g, key(k))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(folded(h.records)[g+"/"+key(k).Hash()].Versions, found.Versions); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
