package projections_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/projections"
)

// aged is a history whose beginning was removed by retention.
type aged struct {
	*history
	first uint64
}

func (a aged) Records(stream string, from uint64) projections.Records {
	return a.history.Records(stream, max(from, a.first))
}

// TestRebuildAfterRetention rebuilds from what retention has left of a history. As all
// that is older than a parcel can live has ended, nothing that waits is lost, and what
// an end that is left ended, without its beginning, does not rise.
func TestRebuildAfterRetention(t *testing.T) {
	h := new(history)
	old := accepted(0, 1, 0, later.Add(-time.Hour))
	h.append(old)
	h.append(accepted(0, 2, 0, later.Add(-time.Hour)))
	first := h.append(ending(1, old)).Sequence
	h.append(accepted(0, 3, 0, far))
	ended := accepted(0, 4, 0, far)
	h.append(ended)
	h.append(ending(0, ended))
	k := keep(t, database(t), h, projections.Mailbox{})
	k.run(t)
	clock := func() time.Time { return later }
	pending := func() (all []string) {
		items, err := projections.NewReader(k.live, h, clock).Pending(t.Context(), gateway(0), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			all = append(all, i.AcceptedID)
		}
		return all
	}
	before := pending()
	k.maintenance = projections.NewMaintenance(k.projection, k.db, aged{h, first}, quiet)
	if _, err := k.maintenance.Rebuild(t.Context(), projections.RebuildOptions{}, func(projections.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, pending()); diff != "" || len(before) != 1 {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differences: %+v", found)
	}
}
