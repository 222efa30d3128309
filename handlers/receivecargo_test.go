package handlers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/fault"
)

func TestReceiveCargo(t *testing.T) {
	w := newCargoWorld(t)
	raw := w.cargo(parcel(t, "one"))
	first, err := w.receive.Receive(t.Context(), raw)
	if err != nil || first.Duplicate || first.PrivateGatewayID != w.private.ID() {
		t.Fatalf("received as %+v, %v", first, err)
	}
	second, err := w.receive.Receive(t.Context(), raw)
	if err != nil || !second.Duplicate || second.EventID != first.EventID {
		t.Errorf("again: %+v, %v", second, err)
	}
	records := w.records(events.StreamCargo)
	if len(records) != 1 || len(w.keys()) != 1 {
		t.Fatalf("%d events, %d blobs", len(records), len(w.keys()))
	}
	data := records[0].Data.(events.CargoReceived)
	if !strings.HasPrefix(data.BlobKey, "cargoes/pending-unwrapping/") || strings.Contains(data.BlobKey, w.private.ID()) {
		t.Errorf("blob key %s", data.BlobKey)
	}
	body, meta, err := w.blobs.Get(t.Context(), data.BlobKey)
	if err != nil || !slices.Equal(body, raw) {
		t.Errorf("the blob is not the cargo: %v", err)
	}
	if meta.ExpiresAt.Before(data.ExpiresAt) || meta.ExpiresAt.Before(today.AddDate(0, 0, 30)) {
		t.Errorf("the blob expires at %v", meta.ExpiresAt)
	}
}

// refusedMessages are cargoes or CCAs that nobody may use, by what is wrong.
func refusedMessages(t *testing.T, w *cargoWorld, kind ramf.Type) map[string][]byte {
	t.Helper()
	change := func(by func(*ramf.Message)) []byte {
		m := w.private.NewMessage(kind)
		by(m)
		raw, err := w.private.Seal(t.Context(), m, []byte{0x30, 0})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	c := theCast()
	foreign := func(m *ramf.Message) {
		m.Sender, m.Payload = c.stranger.certificate, []byte("payload")
	}
	strange := w.private.NewMessage(kind)
	foreign(strange)
	flipped := change(func(*ramf.Message) {})
	flipped[len(flipped)-1] ^= 1
	return map[string][]byte{
		"nothing":       nil,
		"noise":         []byte("noise"),
		"truncated":     change(func(*ramf.Message) {})[:500],
		"bad signature": flipped,
		"a parcel":      parcel(t, "one"),
		"expired":       change(func(m *ramf.Message) { m.TTL = time.Minute }),
		"future":        change(func(m *ramf.Message) { m.CreatedAt = w.now.Add(3 * time.Hour) }),
		"stranger":      sign(t, strange, c.stranger),
		"for another":   misaddressed(t, w, kind),
	}
}

func TestRefusedCargoIsRecordedAndNotStored(t *testing.T) {
	w := newCargoWorld(t)
	refused := refusedMessages(t, w, ramf.TypeCargo)
	refused["a CCA"] = w.cca()
	before := len(w.records(events.StreamGateway))
	for name, raw := range refused {
		t.Run(name, func(t *testing.T) {
			known := len(w.records(events.StreamCargo))
			_, err := w.receive.Receive(t.Context(), raw)
			if handlers.AsRefusal(err) == nil || !fault.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
			records := w.records(events.StreamCargo)[known:]
			if len(records) != 1 {
				t.Fatalf("%d events", len(records))
			}
			if data, ok := records[0].Data.(events.CargoRejected); !ok || data.Reason == "" || data.Size != int64(len(raw)) {
				t.Errorf("recorded %+v", records[0].Data)
			}
		})
	}
	if keys := w.keys(); keys != nil {
		t.Errorf("blobs were left: %v", keys)
	}
	if got := len(w.records(events.StreamGateway)); got != before {
		t.Errorf("%d events were left", got-before)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	w := newCargoWorld(t)
	w.receive.Refusals = rate.NewLimiter(0, 3)
	for i := range byte(10) {
		if _, err := w.receive.Receive(t.Context(), []byte{i}); handlers.AsRefusal(err) == nil {
			t.Errorf("got %v", err)
		}
	}
	if got := len(w.records(events.StreamCargo)); got != 3 {
		t.Errorf("%d refusals recorded", got)
	}
}

func TestReceiveCargoFaults(t *testing.T) {
	for name, f := range faults {
		for part, arm := range map[string]func(*cargoWorld){
			"blobs": func(w *cargoWorld) { w.blobs.breaker = f },
			"log":   func(w *cargoWorld) { w.log.breaker = f },
		} {
			t.Run(part+" "+name, func(t *testing.T) {
				w := newCargoWorld(t)
				raw := w.cargo(parcel(t, "one"))
				arm(w)
				if _, err := w.receive.Receive(t.Context(), raw); err == nil || handlers.AsRefusal(err) != nil || fault.IsPermanent(err) {
					t.Fatalf("got %v", err)
				}
				if _, err := w.receive.Receive(t.Context(), raw); err != nil {
					t.Fatal(err)
				}
				if events, keys := w.types(events.StreamCargo), w.keys(); len(events) != 1 || len(keys) != 1 {
					t.Errorf("%v, %v", events, keys)
				}
			})
			if part == "log" {
				t.Run("refusal "+name, func(t *testing.T) {
					w := newCargoWorld(t)
					arm(w)
					if _, err := w.receive.Receive(t.Context(), []byte("noise")); err == nil || handlers.AsRefusal(err) != nil {
						t.Fatalf("got %v", err)
					}
					if _, err := w.receive.Receive(t.Context(), []byte("noise")); handlers.AsRefusal(err) == nil {
						t.Errorf("got %v", err)
					}
					if got := w.types(events.StreamCargo); len(got) != 1 {
						t.Errorf("recorded %v", got)
					}
				})
			}
		}
	}
}

// TestCargoThatComesAgainLeavesNothing has a courier deliver twice, since it did not wait
// for the acknowledgement, and the cargo unwrapped in between.
func TestCargoThatComesAgainLeavesNothing(t *testing.T) {
	w := newCargoWorld(t)
	raw := w.cargo(toInternet(t))
	record := w.received(raw)
	if again, err := w.receive.Receive(t.Context(), raw); err != nil || !again.Duplicate {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := w.unwrap.Handle(t.Context(), record); err != nil {
		t.Fatalf("it is needed still: %v", err)
	}
	for _, r := range w.records(events.StreamCargo) {
		if err := w.del.Handle(t.Context(), r.Event); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := w.receive.Receive(t.Context(), raw); err != nil || !again.Duplicate {
		t.Fatalf("%+v, %v", again, err)
	}
	for _, key := range w.keys() {
		if strings.HasPrefix(key, "cargoes/") {
			t.Errorf("left: %s", key)
		}
	}
}
