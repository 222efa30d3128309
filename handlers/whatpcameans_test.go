package handlers_test

import (
	"testing"
	"time"

	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/projections"
)

// TestAcknowledgementOfAnEarlierVersion shows for each way in which an
// acknowledgement by cargo and a newer version of its parcel can cross that the newer
// version stays queued until the private gateway has had it.
func TestAcknowledgementOfAnEarlierVersion(t *testing.T) {
	w := newCargoWorld(t)
	later := func() { w.now = w.now.Add(time.Minute) }
	queued := func() (items []projections.Item) {
		t.Helper()
		if items = w.pending(); len(items) != 1 {
			t.Fatalf("queued: %+v", items)
		}
		return items
	}
	first, second := numbered(t, "one", []byte("first")), numbered(t, "one", []byte("second"))
	ack, err := courierclient.Acknowledgement(first)
	if err != nil {
		t.Fatal(err)
	}
	w.mustAccept(first)
	later()
	w.collected()
	afterFirst := w.cargo(ack) // it is on its way while the second version comes in
	again := w.cargo(ack)
	later()
	w.mustAccept(second)
	later()
	if err := w.unwrap.Handle(t.Context(), w.received(afterFirst)); err != nil {
		t.Fatal(err)
	}
	queued()

	// The second version is with another courier, who may lose it.
	w.now = w.now.Add(time.Minute)
	c := w.begin(w.cca())
	for _, err := range c.Cargoes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	later()
	if err := w.unwrap.Handle(t.Context(), w.received(again)); err != nil {
		t.Fatal(err)
	}
	queued()

	// Once the private gateway has read a cargo with the second, it means that.
	w.collected()
	later()
	w.unwrapped(ack)
	if items := w.pending(); len(items) != 0 {
		t.Errorf("queued after all: %+v", items)
	}
}

// TestAcknowledgementOfWhatWasInNoCargo shows that a parcel that was never handed to a
// courier cannot be acknowledged by one.
func TestAcknowledgementOfWhatWasInNoCargo(t *testing.T) {
	w := newCargoWorld(t)
	raw := parcel(t, "one")
	w.mustAccept(raw)
	w.now = w.now.Add(time.Minute)
	ack, err := courierclient.Acknowledgement(raw)
	if err != nil {
		t.Fatal(err)
	}
	w.unwrapped(ack)
	if len(w.pending()) != 1 {
		t.Error("it is not queued any more")
	}
}
