package handlers_test

import (
	"errors"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
)

func TestParkedParcelIsListedOnceAndStaysQueued(t *testing.T) {
	for name, broken := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustAccept(parcel(t, "one"))
			item := w.pending()[0]
			park := &handlers.ParkParcel{Log: w.log, Now: func() time.Time { return w.now }}
			gone := errors.New("the blob is gone")

			w.log.breaker = broken
			if err := park.Run(t.Context(), item, gone); !errors.Is(err, errBroken) {
				t.Errorf("broken: %v", err)
			}
			for range 2 {
				if err := park.Run(t.Context(), item, gone); err != nil {
					t.Error(err)
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
