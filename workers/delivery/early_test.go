package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/workers/delivery"
)

// TestNothingIsSentBeforeItsDate has a private gateway whose clock is fast: no node on
// the Internet would take its parcel yet, and a refusal would be for good. Whatever the
// operator does, it waits until it is valid, and others do not wait for it.
func TestNothingIsSentBeforeItsDate(t *testing.T) {
	operations := map[string]func(*running, events.Event){
		"nothing": func(*running, events.Event) {},
		"flush": func(r *running, _ events.Event) {
			r.record(events.DestinationFlushed{Destination: "healthy.test"})
		},
		"hasten": func(r *running, e events.Event) {
			r.record(events.InternetParcelHastened{InternetParcelRef: events.InternetParcelRef{AcceptedID: e.ID}})
		},
		"hold and release": func(r *running, e events.Event) {
			ref := events.InternetParcelRef{AcceptedID: e.ID}
			r.record(events.InternetParcelHeld{InternetParcelRef: ref})
			r.record(events.InternetParcelReleased{InternetParcelRef: ref})
		},
	}
	for name, operate := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t, delivery.Limits{Total: 8, PerDestination: 8})
				defer r.stop()
				early := r.world.acceptDated(1, "healthy.test", time.Now().Add(90*time.Minute), time.Hour)
				time.Sleep(time.Second)
				operate(r, early)
				other := r.world.accept(2, "healthy.test", time.Hour)
				time.Sleep(89 * time.Minute)
				if r.world.ended(early.ID) || !r.world.ended(other.ID) {
					t.Errorf("early delivered: %t, the other: %t", r.world.ended(early.ID), r.world.ended(other.ID))
				}
				time.Sleep(2 * time.Minute)
				if !r.world.ended(early.ID) {
					t.Error("it is valid, and not delivered")
				}
			})
		})
	}
}

// record appends an event of the operator's and lets it be seen.
func (r *running) record(data events.Data) {
	if _, err := r.world.Append(r.ctx, events.New("", "operator", time.Now(), data)); err != nil {
		panic(err)
	}
	time.Sleep(time.Second)
}
