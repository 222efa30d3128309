package handlers_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/courierclient"
)

func takingOver(w *world) *handlers.TakeOver {
	return &handlers.TakeOver{Blobs: w.blobs, Log: w.log, Now: func() time.Time { return w.now }}
}

// formerKey is the key of a message's object in the other gateway.
func formerKey(m *ramf.Message) string {
	return handlers.FormerKey(theCast().private.id(), events.ParcelKey{
		SenderID: theCast().sender.id(), RecipientID: m.Recipient.ID, ParcelID: m.ID,
	})
}

// TestTakenOverIsWhatItWouldHaveBecome gives a parcel that is taken over the event and
// the blob that it gets when it comes here, so that the two are one.
func TestTakenOverIsWhatItWouldHaveBecome(t *testing.T) {
	w := newWorld(t)
	raw := parcel(t, "payload")
	item, err := takingOver(w).GatewayParcel(formerKey(message()), raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takingOver(w).Record(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	if a := w.mustAccept(raw); !a.Duplicate || a.EventID != item.Event.ID {
		t.Errorf("accepted %+v, taken over as %s", a, item.Event.ID)
	}
	if keys := w.keys(); len(keys) != 1 || keys[0] != item.BlobKey || !item.Is(raw) {
		t.Errorf("blobs are %q, want %s", keys, item.BlobKey)
	}
}

// TestTakenOverWithExpiredCertificates takes what the other gateway had accepted, though
// nobody would accept it any more.
func TestTakenOverWithExpiredCertificates(t *testing.T) {
	w := newWorld(t)
	m := message()
	m.TTL = 60 * 24 * time.Hour
	raw := sign(t, m, theCast().sender)
	w.now = w.now.AddDate(0, 0, 40) // the certificates end after 30 days
	if _, err := w.accept.FromInternet(t.Context(), raw); handlers.AsRefusal(err) == nil {
		t.Fatalf("it is accepted: %v", err)
	}
	if _, err := takingOver(w).GatewayParcel(formerKey(m), raw); err != nil {
		t.Errorf("it is not taken over: %v", err)
	}
}

func TestNotTakenOver(t *testing.T) {
	w := newWorld(t)
	good, key := parcel(t, "payload"), formerKey(message())
	late := message()
	late.TTL = time.Second
	expired := sign(t, late, theCast().sender)
	h := takingOver(w)
	tests := map[string]func() (handlers.FormerItem, error){
		"garbage":              func() (handlers.FormerItem, error) { return h.GatewayParcel(key, []byte("x")) },
		"nothing":              func() (handlers.FormerItem, error) { return h.GatewayParcel(key, nil) },
		"another key":          func() (handlers.FormerItem, error) { return h.GatewayParcel(key+"0", good) },
		"no key":               func() (handlers.FormerItem, error) { return h.GatewayParcel("parcels/gateway-bound/x", good) },
		"expired":              func() (handlers.FormerItem, error) { return h.GatewayParcel(key, expired) },
		"bound for us":         func() (handlers.FormerItem, error) { return h.InternetParcel(inbound(key), good) },
		"a parcel as a cargo":  func() (handlers.FormerItem, error) { return h.Cargo(good, theCast().us.id()) },
		"a damaged cargo":      func() (handlers.FormerItem, error) { return h.Cargo([]byte("AwalaC\x00"), theCast().us.id()) },
		"a changed signature":  func() (handlers.FormerItem, error) { return h.GatewayParcel(key, flipped(good)) },
		"another gateway's id": func() (handlers.FormerItem, error) { return h.GatewayParcel(strings.Replace(key, "/0", "/g", 1), good) },
	}
	for name, examine := range tests {
		t.Run(name, func(t *testing.T) {
			if item, err := examine(); handlers.AsRefusal(err) == nil {
				t.Errorf("%+v, %v", item.Event, err)
			}
		})
	}
}

// inbound turns a key into that of a parcel for the Internet.
func inbound(key string) string {
	return handlers.FormerEndpointBound + strings.TrimPrefix(key, handlers.FormerGatewayBound)
}

// flipped changes the last octet.
func flipped(raw []byte) []byte {
	changed := append([]byte(nil), raw...)
	changed[len(changed)-1] ^= 1
	return changed
}

// TestTakeOverFaults takes over again after each write that goes wrong.
func TestTakeOverFaults(t *testing.T) {
	for name, fault := range faults {
		for _, part := range []string{"blob", "event"} {
			t.Run(part+" "+name, func(t *testing.T) {
				w := newWorld(t)
				item, err := takingOver(w).GatewayParcel(formerKey(message()), parcel(t, "payload"))
				if err != nil {
					t.Fatal(err)
				}
				if part == "blob" {
					w.blobs.breaker = fault
				} else {
					w.log.breaker = fault
				}
				if _, err := takingOver(w).Record(t.Context(), item); !errors.Is(err, errBroken) {
					t.Errorf("Record() = %v", err)
				}
				if _, err := takingOver(w).Record(t.Context(), item); err != nil {
					t.Error(err)
				}
				if n := len(w.records(events.StreamGatewayParcels)); n != 1 || len(w.keys()) != 1 || len(w.pending()) != 1 {
					t.Errorf("%d events, %d blobs, %d queued", n, len(w.keys()), len(w.pending()))
				}
			})
		}
	}
}

// TestAcknowledgementOfWhatTheOtherGatewayHandedOut ends a parcel that was taken over,
// though it was in no cargo of this gateway.
func TestAcknowledgementOfWhatTheOtherGatewayHandedOut(t *testing.T) {
	w := newCargoWorld(t)
	raw := parcel(t, "one")
	item, err := takingOver(w.world).GatewayParcel(formerKey(message()), raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takingOver(w.world).Record(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	ack, err := courierclient.Acknowledgement(raw)
	if err != nil {
		t.Fatal(err)
	}
	w.unwrapped(ack)
	if n := len(w.pending()); n != 0 {
		t.Errorf("%d are still queued", n)
	}
}

// knownBefore is a handlers.KnownParcels.
type knownBefore struct {
	record events.Record
	err    error
}

func (k knownBefore) Known(context.Context, string, events.ParcelKey) (events.Record, error) {
	return k.record, k.err
}

// TestKnownBeforeTheTakeover takes nothing in that the other gateway had accepted.
func TestKnownBeforeTheTakeover(t *testing.T) {
	m := message()
	m.Recipient.InternetAddress = "another.example"
	raw := sign(t, m, theCast().sender)
	accept := func(w *world) (handlers.Accepted, error) {
		return w.accept.FromPrivateGateway(t.Context(), raw, theCast().private.id(), events.ViaCargo, nil)
	}
	w := newWorld(t)
	w.accept.Former = knownBefore{record: events.Record{Event: events.Event{ID: "known"}}}
	if a, err := accept(w); err != nil || !a.Duplicate || a.EventID != "known" || a.ExpiresAt.IsZero() {
		t.Errorf("accepted %+v, %v", a, err)
	}
	w.accept.Former = knownBefore{err: errBroken}
	if _, err := accept(w); !errors.Is(err, errBroken) {
		t.Errorf("without an answer: %v", err)
	}
	if len(w.keys()) > 0 || len(w.records(events.StreamInternetParcels)) > 0 {
		t.Error("something was kept")
	}
	w.accept.Former = knownBefore{err: io.EOF}
	if a, err := accept(w); err != nil || a.Duplicate {
		t.Errorf("another one: accepted %+v, %v", a, err)
	}
}
