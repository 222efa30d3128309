package handlers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/fault"
)

func TestAcceptFromInternet(t *testing.T) {
	w := newWorld(t)
	c := theCast()
	raw := parcel(t, "one")
	got := w.mustAccept(raw)
	if got.Duplicate || got.GatewayID != c.private.id() {
		t.Errorf("accepted as %+v", got)
	}
	items := w.pending()
	if len(items) != 1 || items[0].AcceptedID != got.EventID {
		t.Fatalf("pending: %+v", items)
	}
	if !strings.HasPrefix(items[0].BlobKey, "parcels/gateway-bound/") {
		t.Errorf("blob key %s", items[0].BlobKey)
	}
	for _, id := range []string{c.private.id(), c.endpoint.id(), c.sender.id(), "one"} {
		if strings.Contains(items[0].BlobKey, id) {
			t.Errorf("blob key %s names %s", items[0].BlobKey, id)
		}
	}
	body, meta, err := w.blobs.Get(t.Context(), items[0].BlobKey)
	if err != nil || string(body) != string(raw) {
		t.Errorf("the blob is not the parcel: %v", err)
	}
	if want := today.Add(59 * time.Minute); !meta.ExpiresAt.Equal(want) || !items[0].ExpiresAt.Equal(want) {
		t.Errorf("expires at %v and %v, want %v", meta.ExpiresAt, items[0].ExpiresAt, want)
	}
}

func TestRouting(t *testing.T) {
	tests := map[string]struct {
		address string
		stream  string
	}{
		"no address":                 {"", events.StreamGatewayParcels},
		"our address":                {"gw.example.com", events.StreamGatewayParcels},
		"our address, another way":   {"GW.Example.COM.", events.StreamGatewayParcels},
		"another":                    {"ping.awala.services", events.StreamInternetParcels},
		"another that contains ours": {"gw.example.com.evil.example", events.StreamInternetParcels},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := message()
			m.Recipient.InternetAddress = tc.address
			raw := sign(t, m, theCast().sender)
			cause := events.Event{ID: "cause", CorrelationID: "origin"}
			source := theCast().private.id()
			if _, err := w.accept.FromPrivateGateway(t.Context(), raw, source, events.ViaCargo, &cause); err != nil {
				t.Fatal(err)
			}
			records := w.records(tc.stream)
			if len(records) != 1 || len(w.keys()) != 1 {
				t.Fatalf("%d events, %d blobs", len(records), len(w.keys()))
			}
			if e := records[0]; e.CausationID != "cause" || e.CorrelationID != "origin" || e.Source != "cargo" {
				t.Errorf("envelope: %+v", e.Event)
			}
			if data, ok := records[0].Data.(events.InternetParcelAccepted); ok && data.Destination != tc.address {
				t.Errorf("destination %q", data.Destination)
			}
		})
	}
}

func TestRefusedParcelsLeaveNothingBehind(t *testing.T) {
	c := theCast()
	change := func(by func(m *ramf.Message)) []byte {
		m := message()
		by(m)
		sender := c.sender
		if m.Sender == c.stranger.certificate {
			sender = c.stranger
		}
		if m.Sender == c.private.certificate {
			sender = c.private
		}
		return sign(t, m, sender)
	}
	expiredSender := func(m *ramf.Message) {
		expired, err := pki.IssueDeliveryAuthorization(pki.IssueRequest{
			Subject: &c.sender.key.PublicKey, IssuerKey: c.endpoint.key, Issuer: c.endpoint.certificate,
			NotBefore: today.AddDate(0, 0, -2), NotAfter: today.AddDate(0, 0, -1),
		})
		if err != nil {
			t.Fatal(err)
		}
		m.Sender = expired
	}
	flipped := parcel(t, "one")
	flipped[len(flipped)-1] ^= 1
	tests := map[string]struct {
		raw  []byte
		kind handlers.RefusalKind
	}{
		"nothing":        {nil, handlers.Malformed},
		"garbage":        {[]byte("Awala\x50\x00garbage"), handlers.Malformed},
		"bad signature":  {flipped, handlers.Malformed},
		"a cargo":        {change(func(m *ramf.Message) { m.Type = ramf.TypeCargo }), handlers.Malformed},
		"odd recipient":  {change(func(m *ramf.Message) { m.Recipient.ID = "0abc" }), handlers.Malformed},
		"too long":       {parcelOf(t, cargo.MaxWrittenItemLen+1), handlers.Invalid},
		"expired":        {change(func(m *ramf.Message) { m.CreatedAt = today.Add(-2 * time.Hour) }), handlers.Invalid},
		"future":         {change(func(m *ramf.Message) { m.CreatedAt = today.Add(3 * time.Hour) }), handlers.Invalid},
		"expired sender": {change(expiredSender), handlers.Invalid},
		"stranger":       {change(func(m *ramf.Message) { m.Sender = c.stranger.certificate }), handlers.Invalid},
		"no path":        {change(func(m *ramf.Message) { m.Attached = nil }), handlers.Invalid},
		"for another":    {change(func(m *ramf.Message) { m.Recipient.ID = c.stranger.id() }), handlers.Invalid},
		"for ourselves": {change(func(m *ramf.Message) {
			m.Sender, m.Attached, m.Recipient.ID = c.private.certificate, nil, c.us.id()
		}), handlers.Invalid},
	}
	w := newWorld(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := w.accept.FromInternet(t.Context(), tc.raw)
			_, fromPrivate := w.accept.FromPrivateGateway(t.Context(), tc.raw, c.private.id(), events.ViaPoWeb, nil)
			for _, err := range []error{err, fromPrivate} {
				refusal := handlers.AsRefusal(err)
				if refusal == nil || refusal.Kind != tc.kind || refusal.Reason == "" || !fault.IsPermanent(err) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	if _, err := w.accept.FromPrivateGateway(t.Context(), parcel(t, "one"), "../x", events.ViaPoWeb, nil); handlers.AsRefusal(err) == nil {
		t.Errorf("bad gateway id: %v", err)
	}
	if keys := w.keys(); keys != nil {
		t.Errorf("blobs were left: %v", keys)
	}
	for _, stream := range events.Streams() {
		if types := w.types(stream.Name); types != nil {
			t.Errorf("events were left in %s: %v", stream.Name, types)
		}
	}
}

// parcelOf returns a valid parcel of so many octets, which must be millions.
func parcelOf(t *testing.T, octets int) []byte {
	t.Helper()
	const some = 8_000_000
	around := len(parcel(t, strings.Repeat("x", some))) - some
	raw := parcel(t, strings.Repeat("x", octets-around))
	if len(raw) != octets {
		t.Fatalf("the test made a parcel of %d octets, not %d", len(raw), octets)
	}
	return raw
}

func TestLongestParcelIsAccepted(t *testing.T) {
	w := newWorld(t)
	if _, err := w.accept.FromInternet(t.Context(), parcelOf(t, cargo.MaxWrittenItemLen)); err != nil {
		t.Error(err)
	}
}

func TestInternetParcelsNeedAValidSender(t *testing.T) {
	w := newWorld(t)
	m := message()
	m.Recipient.InternetAddress = "ping.awala.services"
	raw := sign(t, m, theCast().sender)
	m.CreatedAt = today.AddDate(0, 0, 40)
	late := sign(t, m, theCast().sender)
	for name, tc := range map[string]struct {
		raw []byte
		now time.Time
		ok  bool
	}{
		"good":                {raw, today, true},
		"slightly early":      {raw, today.Add(-2 * time.Hour), true},
		"expired":             {raw, today.Add(time.Hour), false},
		"expired certificate": {late, today.AddDate(0, 0, 40), false},
	} {
		w.now = tc.now
		_, err := w.accept.FromPrivateGateway(t.Context(), tc.raw, theCast().private.id(), events.ViaPoWeb, nil)
		if (err == nil) != tc.ok || (err != nil && handlers.AsRefusal(err) == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	raw := parcel(t, "one")
	first := w.mustAccept(raw)
	if again := w.mustAccept(raw); !again.Duplicate || again.EventID != first.EventID {
		t.Errorf("while queued: %+v", again)
	}
	item := w.pending()[0]
	if err := w.collect.Acknowledged(t.Context(), item, events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	w.effects()
	for range 2 { // with and without the projection
		if again := w.mustAccept(raw); !again.Duplicate {
			t.Errorf("after its collection: %+v", again)
		}
		w.project()
	}
	source := theCast().private.id()
	if again, err := w.accept.FromPrivateGateway(t.Context(), raw, source, events.ViaCargo, nil); err != nil || !again.Duplicate {
		t.Errorf("by another way: %+v, %v", again, err)
	}
	if keys, pending := w.keys(), w.pending(); keys != nil || pending != nil {
		t.Errorf("left: %v, %v", keys, pending)
	}
	if diff := cmp.Diff([]string{"gateway-parcel-accepted.v1", "gateway-parcel-collected.v1"}, w.types(events.StreamGatewayParcels)); diff != "" {
		t.Error(diff)
	}
}

func TestNewVersionReplacesTheQueuedOne(t *testing.T) {
	w := newWorld(t)
	w.mustAccept(parcel(t, "one"))
	second := w.mustAccept(parcel(t, "two"))
	items := w.pending()
	if len(items) != 1 || items[0].AcceptedID != second.EventID {
		t.Fatalf("pending: %+v", items)
	}
	w.effects()
	if diff := cmp.Diff([]string{items[0].BlobKey}, w.keys()); diff != "" {
		t.Error(diff)
	}
	want := []string{"gateway-parcel-accepted.v1", "gateway-parcel-accepted.v1", "gateway-parcel-replaced.v1"}
	if diff := cmp.Diff(want, w.types(events.StreamGatewayParcels)); diff != "" {
		t.Error(diff)
	}
	if err := w.collect.Acknowledged(t.Context(), items[0], events.ViaPoWeb); err != nil {
		t.Fatal(err)
	}
	if third := w.mustAccept(parcel(t, "three")); third.Duplicate || len(w.pending()) != 1 {
		t.Error("a new version after the end of the others is not new")
	}
}

func TestAcceptFaults(t *testing.T) {
	internet := message()
	internet.Recipient.InternetAddress = "ping.awala.services"
	toInternet := sign(t, internet, theCast().sender)
	toPrivate := parcel(t, "one")
	for name, broken := range faults {
		for what, raw := range map[string][]byte{"to the Internet": toInternet, "to a private gateway": toPrivate} {
			for _, write := range []string{"blob", "event"} {
				t.Run(strings.Join([]string{write, name, what}, ", "), func(t *testing.T) {
					w := newWorld(t)
					if write == "blob" {
						w.blobs.breaker = broken
					} else {
						w.log.breaker = broken
					}
					accept := func() error {
						_, err := w.accept.FromPrivateGateway(t.Context(), raw, theCast().private.id(), events.ViaPoWeb, nil)
						return err
					}
					if err := accept(); !errors.Is(err, errBroken) || fault.IsPermanent(err) {
						t.Errorf("first try: %v", err)
					}
					if err := accept(); err != nil {
						t.Errorf("second try: %v", err)
					}
					stored := len(w.records(events.StreamGatewayParcels)) + len(w.records(events.StreamInternetParcels))
					if keys := w.keys(); len(keys) != 1 || stored != 1 {
						t.Errorf("%d events, blobs %v", stored, keys)
					}
				})
			}
		}
	}
}

func TestReplacementIsLeftToHousekeepingWhenItFails(t *testing.T) {
	for name, broken := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustAccept(parcel(t, "one"))
			w.accept.Log = &failingAfter{breakingLog: w.log, broken: broken}
			w.mustAccept(parcel(t, "two"))
			w.project()
			for range 2 {
				if _, err := w.replace.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.project()
			}
			w.effects()
			if items := w.pending(); len(items) != 1 || len(w.keys()) != 1 || w.keys()[0] != items[0].BlobKey {
				t.Errorf("pending %v, blobs %v", items, w.keys())
			}
			if n := len(w.records(events.StreamGatewayParcels)); n != 3 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// TestOlderVersionComesLate shows that a version that a courier held up does not take
// the place of a newer one.
func TestOlderVersionComesLate(t *testing.T) {
	w := newWorld(t)
	versions := versionsOf(t, "one", 2)
	newer := w.mustAccept(versions[1])
	older := w.mustAccept(versions[0])
	if items := w.pending(); older.Duplicate || len(items) != 1 || items[0].AcceptedID != newer.EventID {
		t.Errorf("pending: %+v", items)
	}
	w.effects()
	if keys := w.keys(); len(keys) != 1 {
		t.Errorf("blobs: %v", keys)
	}
	records := w.records(events.StreamGatewayParcels)
	end, ok := records[len(records)-1].Data.(events.GatewayParcelReplaced)
	if !ok || end.AcceptedID != older.EventID || end.ReplacedBy != newer.EventID {
		t.Errorf("the end: %+v", records[len(records)-1].Data)
	}
	if again := w.mustAccept(versions[0]); !again.Duplicate {
		t.Error("it is accepted again")
	}
}
