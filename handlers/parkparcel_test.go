package handlers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

func TestParkedParcelIsListedOnceAndStaysQueued(t *testing.T) {
	for name, broken := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustAccept(parcel(t, "one"))
			item := w.pending()[0]
			park := &handlers.ParkParcel{Mailbox: w.reader, Log: w.log, Now: func() time.Time { return w.now }}
			gone := errors.New("the blob is gone")

			w.log.breaker = broken
			if _, err := park.Run(t.Context(), item, gone); !errors.Is(err, errBroken) {
				t.Errorf("broken: %v", err)
			}
			for range 2 {
				if parked, err := park.Run(t.Context(), item, gone); err != nil || !parked {
					t.Errorf("parked %v, %v", parked, err)
				}
			}
			parked := w.records(events.StreamParked)
			if len(parked) != 1 {
				t.Fatalf("%d events, want 1", len(parked))
			}
			got := parked[0].Data.(events.MessageParked)
			if got.EventID != item.AcceptedID || got.Sequence != item.Sequence || got.Reason != gone.Error() {
				t.Errorf("parked %+v", got)
			}
			if len(w.pending()) != 1 {
				t.Error("a parked parcel must stay queued")
			}
		})
	}
}

// TestParcelThatEndedIsNotParked has a parcel collected between its being listed and its
// being read, which deletes its blob; and first cannot find out.
func TestParcelThatEndedIsNotParked(t *testing.T) {
	w := newWorld(t)
	w.mustAccept(parcel(t, "one"))
	item := w.pending()[0]
	if err := w.collect.Acknowledged(t.Context(), item, events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the blob is gone")
	unknown := &handlers.ParkParcel{Mailbox: brokenMailbox{}, Log: w.log, Now: func() time.Time { return w.now }}
	if parked, err := unknown.Run(t.Context(), item, gone); parked || !errors.Is(err, errBroken) {
		t.Errorf("parked %v, %v, want errBroken", parked, err)
	}
	park := &handlers.ParkParcel{Mailbox: w.reader, Log: w.log, Now: func() time.Time { return w.now }}
	if parked, err := park.Run(t.Context(), item, gone); parked || err != nil {
		t.Errorf("parked %v, %v", parked, err)
	}
	if n := len(w.records(events.StreamParked)); n != 0 {
		t.Errorf("%d events, want none", n)
	}
}

// brokenMailbox does not answer.
type brokenMailbox struct{}

func (brokenMailbox) Find(context.Context, string, events.ParcelKey) (projections.Parcel, error) {
	return projections.Parcel{}, errBroken
}
