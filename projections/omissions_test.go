package projections_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// At returns a record of the history in memory.
func (h *history) At(_ context.Context, _ string, sequence uint64) (events.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sequence > uint64(len(h.records)) {
		return events.Record{}, io.EOF
	}
	return h.records[sequence-1], nil
}

// spoil makes records unreadable, as an older program finds them, and returns what
// makes them readable again.
func (h *history) spoil(reason error, sequences ...uint64) (mend func()) {
	before := map[uint64]events.Record{}
	for _, n := range sequences {
		before[n] = h.records[n-1]
		h.records[n-1].Data = events.Unreadable{Err: reason}
	}
	return func() {
		for n, r := range before {
			h.records[n-1] = r
		}
	}
}

var errFuture = &events.UnknownTypeError{Type: "network.awala.gateway.gateway-parcel-accepted.v9"}

// TestPassedByIsMended has an older program pass by events, and a newer one, which
// reads them, rebuild the projection, once.
func TestPassedByIsMended(t *testing.T) {
	h := mailHistory(10)
	k := keep(t, database(t), h, projections.Mailbox{})
	upgrade := h.spoil(errFuture, 3, 4, 7)
	broken := h.spoil(errors.New("garbage"), 9)
	k.run(t)
	want := []projections.Omission{
		{Reason: errFuture.Error(), Count: 3, First: 3, Last: 7}, {Reason: "garbage", Count: 1, First: 9, Last: 9},
	}
	if s := k.status(t); s.Mendable || !cmp.Equal(want, s.Passed()) {
		t.Errorf("mendable %v, passed by %+v", s.Mendable, s.Passed())
	}
	if mended, err := k.maintenance.Mend(t.Context()); mended || err != nil {
		t.Errorf("nothing can be read yet: %v, %v", mended, err)
	}

	upgrade()
	if s := k.status(t); !s.Mendable {
		t.Error("it is not told that it can be mended")
	}
	for _, want := range []bool{true, false} {
		if mended, err := k.maintenance.Mend(t.Context()); mended != want || err != nil {
			t.Errorf("mended %v, %v", mended, err)
		}
	}
	if s := k.status(t); s.Mendable || !cmp.Equal(want[1:], s.Passed()) {
		t.Errorf("mendable %v, passed by %+v", s.Mendable, s.Passed())
	}
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs: %v", found)
	}
	broken()
	if mended, err := k.maintenance.Mend(t.Context()); !mended || err != nil {
		t.Errorf("mended %v, %v", mended, err)
	}
	if s := k.status(t); len(s.Passed()) > 0 {
		t.Errorf("passed by %+v", s.Passed())
	}
	if found := k.verify(t); len(found) > 0 {
		t.Errorf("differs: %v", found)
	}
}

// TestPassedByIsNotedWhateverHappens kills the worker at every write, before or after
// it takes effect: what was passed by is noted, once.
func TestPassedByIsNotedWhateverHappens(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for writes, ended := 0, false; !ended; writes++ {
			h := mailHistory(6)
			h.spoil(errFuture, 4)
			db := database(t)
			h2 := append(h.records[:1:1], h.records[2:]...) // the second is missing
			broken := &faulty{Database: db, left: writes, stored: stored}
			if live, err := projections.Open(t.Context(), broken, projections.Mailbox{}); err == nil {
				_, err = projections.NewRunner(projections.Mailbox{}, live, quiet).Apply(t.Context(), h2)
				ended = err == nil
			}
			k := keep(t, db, h, projections.Mailbox{})
			from, err := k.runner.From(t.Context())
			if err == nil && from == 1 {
				_, err = k.runner.Apply(t.Context(), h2)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []projections.Omission{
				{Missing: true, Count: 1, First: 2, Last: 2}, {Reason: errFuture.Error(), Count: 1, First: 4, Last: 4},
			}
			if diff := cmp.Diff(want, k.status(t).Passed()); diff != "" {
				t.Errorf("killed at write %d (%v): %s", writes, stored, diff)
			}
			if writes > 20 {
				t.Fatal("no end")
			}
		}
	}
}

func TestOmissionsAreBounded(t *testing.T) {
	h := mailHistory(400)
	for i := range h.records {
		h.spoil(fmt.Errorf("reason %d", i), uint64(i+1))
	}
	k := keep(t, database(t), h, projections.Mailbox{})
	k.run(t)
	passed, sum := k.status(t).Passed(), uint64(0)
	for _, o := range passed {
		sum += o.Count
	}
	if len(passed) != 101 || sum != uint64(len(h.records)) {
		t.Errorf("%d reasons for %d events", len(passed), sum)
	}
}
