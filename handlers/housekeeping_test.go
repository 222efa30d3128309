package handlers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

// failingAfter lets one append pass and breaks the next.
type failingAfter struct {
	*breakingLog
	broken breaker
	passed bool
}

func (l *failingAfter) Append(ctx context.Context, e events.Event) (events.Position, error) {
	if l.passed {
		l.breaker, l.broken = l.broken, breaker{}
	}
	l.passed = true
	return l.breakingLog.Append(ctx, e)
}

func TestExpireParcels(t *testing.T) {
	for name, broken := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustAccept(parcel(t, "one"))
			long := message()
			long.ID, long.TTL = "parcel 2", 20*24*time.Hour
			w.mustAccept(sign(t, long, theCast().sender))
			w.project()
			if n, err := w.expire.Run(t.Context()); n != 0 || err != nil {
				t.Errorf("nothing has expired: %d, %v", n, err)
			}
			w.now = today.Add(3 * 24 * time.Hour) // housekeeping was away for days
			w.log.breaker = broken
			if _, err := w.expire.Run(t.Context()); !errors.Is(err, errBroken) {
				t.Errorf("broken: %v", err)
			}
			if n, err := w.expire.Run(t.Context()); n != 1 || err != nil {
				t.Errorf("run: %d, %v", n, err)
			}
			again := handlers.ExpireParcels{Open: w.expire.Open, Log: w.log, Now: w.expire.Now}
			if n, err := again.Run(t.Context()); n != 1 || err != nil {
				t.Errorf("run elsewhere before the projection knows: %d, %v", n, err)
			}
			w.project()
			if n, err := w.expire.Run(t.Context()); n != 0 || err != nil {
				t.Errorf("run again: %d, %v", n, err)
			}
			w.effects()
			items := w.pending()
			if len(items) != 1 || items[0].Key.ParcelID != "parcel 2" {
				t.Fatalf("pending: %v", items)
			}
			if diff := cmp.Diff([]string{items[0].BlobKey}, w.keys()); diff != "" {
				t.Error(diff)
			}
			if n := len(w.records(events.StreamGatewayParcels)); n != 3 {
				t.Errorf("%d events", n)
			}
		})
	}
}

func TestCollectFaults(t *testing.T) {
	for name, broken := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustAccept(parcel(t, "one"))
			item := w.pending()[0]
			w.log.breaker = broken
			if err := w.collect.Acknowledged(t.Context(), item, events.ViaPoWeb); !errors.Is(err, errBroken) {
				t.Errorf("broken: %v", err)
			}
			for range 2 {
				if err := w.collect.Acknowledged(t.Context(), item, events.ViaPoWeb); err != nil {
					t.Error(err)
				}
			}
			if w.pending() != nil || len(w.records(events.StreamGatewayParcels)) != 2 {
				t.Errorf("pending %v, events %v", w.pending(), w.types(events.StreamGatewayParcels))
			}
		})
	}
}

func TestLateAcknowledgementSparesTheNewerVersion(t *testing.T) {
	w := newWorld(t)
	w.mustAccept(parcel(t, "one"))
	old := w.pending()[0]
	second := w.mustAccept(parcel(t, "two"))
	if err := w.collect.Acknowledged(t.Context(), old, events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	w.effects()
	items := w.pending()
	if len(items) != 1 || items[0].AcceptedID != second.EventID || len(w.keys()) != 1 {
		t.Errorf("pending %v, blobs %v", items, w.keys())
	}
}

func TestAcknowledgedInCargo(t *testing.T) {
	w := newWorld(t)
	accepted := w.mustAccept(parcel(t, "one"))
	gatewayID := theCast().private.id()
	if _, err := w.log.Append(t.Context(), events.New("prepared", "cogrpc", today.Add(time.Minute), events.CargoPrepared{
		PrivateGatewayID: gatewayID, Parcels: []uint64{w.pending()[0].Sequence},
	})); err != nil {
		t.Fatal(err)
	}
	from := func(gatewayID string, received time.Time) handlers.AcknowledgingCargo {
		return handlers.AcknowledgingCargo{
			GatewayID: gatewayID, Received: events.New("cargo", "cogrpc", received, events.CargoReceived{}),
			Prepared: projections.NewPreparedCargoes(w.log, gatewayID),
		}
	}
	bad := accepted.Key
	bad.SenderID = "../../x"
	if _, err := w.collect.AcknowledgedInCargo(t.Context(), bad, from(gatewayID, today.Add(time.Hour))); handlers.AsRefusal(err) == nil {
		t.Errorf("bad id: %v", err)
	}
	for _, step := range []struct {
		name, gateway string
		received      time.Time
		want          bool
	}{
		{"a cargo from before the parcel", gatewayID, today.Add(-time.Hour), false},
		{"a cargo from before the parcel was in any", gatewayID, today.Add(30 * time.Second), false},
		{"another gateway's cargo", theCast().stranger.id(), today.Add(time.Hour), false},
		{"a good one", gatewayID, today.Add(time.Hour), true},
		{"the same again", gatewayID, today.Add(time.Hour), false},
	} {
		got, err := w.collect.AcknowledgedInCargo(t.Context(), accepted.Key, from(step.gateway, step.received))
		if got != step.want || err != nil {
			t.Errorf("%s: %v, %v", step.name, got, err)
		}
	}
	if w.pending() != nil {
		t.Error("it is still pending")
	}
}

func TestDeleteBlobAfterEveryEnd(t *testing.T) {
	w := newWorld(t)
	internet := events.InternetParcelRef{BlobKey: "blob"}
	cargo := events.CargoRef{BlobKey: "blob"}
	end := events.GatewayParcelEnd{BlobKey: "blob", PrivateGatewayID: theCast().private.id()}
	tests := map[bool][]events.Data{
		true: {
			events.GatewayParcelCollected{GatewayParcelEnd: end},
			events.GatewayParcelExpired{GatewayParcelEnd: end},
			events.GatewayParcelReplaced{GatewayParcelEnd: end},
			events.GatewayParcelDropped{GatewayParcelEnd: end},
			events.InternetParcelDelivered{InternetParcelRef: internet},
			events.InternetParcelRefused{InternetParcelRef: internet},
			events.InternetParcelExpired{InternetParcelRef: internet},
			events.InternetParcelDropped{InternetParcelRef: internet},
			events.CargoUnwrapped{CargoRef: cargo},
			events.CargoRefused{CargoRef: cargo},
		},
		false: {
			events.GatewayParcelAccepted{ParcelBlob: events.ParcelBlob{BlobKey: "blob"}},
			events.InternetParcelAccepted{ParcelBlob: events.ParcelBlob{BlobKey: "blob"}},
			events.InternetParcelDeferred{InternetParcelRef: internet},
			events.CargoReceived{BlobKey: "blob"},
		},
	}
	for final, all := range tests {
		for _, data := range all {
			for name, broken := range faults {
				if err := w.blobs.Store.Put(t.Context(), "blob", []byte("x"), blobMeta); err != nil {
					t.Fatal(err)
				}
				w.blobs.breaker = broken
				err := w.del.Handle(t.Context(), events.Event{Data: data})
				if errors.Is(err, errBroken) != final {
					t.Errorf("%T, %s: %v", data, name, err)
				}
				w.blobs.breaker = breaker{}
				if err := w.del.Handle(t.Context(), events.Event{Data: data}); err != nil {
					t.Errorf("%T again: %v", data, err)
				}
				if gone := w.keys() == nil; gone != final {
					t.Errorf("%T: deleted is %v", data, gone)
				}
			}
		}
	}
}

func TestDeleteBlobSparesWhatIsQueued(t *testing.T) {
	w := newWorld(t)
	w.mustAccept(parcel(t, "one"))
	item := w.pending()[0]
	end := item.End()
	end.AcceptedID = "an earlier life"
	if err := w.del.Handle(t.Context(), events.Event{Data: events.GatewayParcelExpired{GatewayParcelEnd: end}}); err != nil {
		t.Fatal(err)
	}
	if len(w.keys()) != 1 {
		t.Error("the blob of a queued parcel was deleted")
	}
}

// blindOnce does not find anything the first time.
type blindOnce struct {
	handlers.Mailbox
	blind bool
}

func (m *blindOnce) Find(ctx context.Context, gatewayID string, key events.ParcelKey) (projections.Parcel, error) {
	if m.blind {
		m.blind = false
		return projections.Parcel{}, nil
	}
	return m.Mailbox.Find(ctx, gatewayID, key)
}

// TestBrokenOffDuplicate has a request store its parcel anew after that was collected,
// and break off: when it is tried again, nothing is left behind.
func TestBrokenOffDuplicate(t *testing.T) {
	w := newWorld(t)
	raw := parcel(t, "one")
	w.mustAccept(raw)
	if err := w.collect.Acknowledged(t.Context(), w.pending()[0], events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	w.effects()
	w.accept.Mailbox, w.log.breaker = &blindOnce{Mailbox: w.reader, blind: true}, faults["failed and not stored"]
	if _, err := w.accept.FromInternet(t.Context(), raw); err == nil || len(w.keys()) != 1 {
		t.Fatalf("it did not break off: %v, %v", err, w.keys())
	}
	if again := w.mustAccept(raw); !again.Duplicate {
		t.Error("not recognised")
	}
	if w.keys() != nil || w.pending() != nil {
		t.Errorf("left: %v, %v", w.keys(), w.pending())
	}
}

// TestRaceOfTwoAccepts plays two requests with the same parcel, of which the
// second looked for duplicates before the first was recorded, and stores its blob
// after the parcel was collected and the first blob deleted.
func TestRaceOfTwoAccepts(t *testing.T) {
	w := newWorld(t)
	raw := parcel(t, "one")
	w.mustAccept(raw)
	if err := w.collect.Acknowledged(t.Context(), w.pending()[0], events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	w.effects()
	w.accept.Mailbox = &blindOnce{Mailbox: w.reader, blind: true}
	if second := w.mustAccept(raw); !second.Duplicate {
		t.Error("not recognised")
	}
	if w.keys() != nil || w.pending() != nil {
		t.Errorf("left: %v, %v", w.keys(), w.pending())
	}
}
