package handlers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/fault"
)

func TestCollectInOrder(t *testing.T) {
	w := newCargoWorld(t)
	var parcels [][]byte
	for i := range 40 {
		raw := numbered(t, fmt.Sprint("parcel ", i), bytes.Repeat([]byte{byte(i)}, 20_000))
		parcels = append(parcels, raw)
		w.mustAccept(raw)
	}
	w.unwrapped(toInternet(t)) // makes an acknowledgement due
	w.now = w.now.Add(time.Second)
	got := w.collected()
	if k := cargo.ItemKind(got[0]); k != cargo.KindParcelCollectionAck {
		t.Errorf("the first item is a %s", k)
	}
	if diff := cmp.Diff(parcels, got[1:41]); diff != "" {
		t.Error("the parcels are not the queued ones in order")
	}
	// The private gateway's certificate has 30 days left.
	if diff := cmp.Diff([]cargo.Kind{cargo.KindCertificateRotation, cargo.KindCertificateRotation}, kinds(got[41:])); diff != "" {
		t.Error(diff)
	}
	for _, item := range got[41:] {
		r, err := cargo.ParseCertificateRotation(item)
		if err != nil {
			t.Fatal(err)
		}
		if r.Path.Leaf.SubjectID() != w.private.ID() || r.Path.Leaf.CheckSignatureFrom(r.Path.CAs[0]) != nil {
			t.Errorf("rotation to %s", r.Path.Leaf.SubjectID())
		}
	}
}

// TestCouriersAccept holds cargo to what couriers and private gateways ask of it.
func TestCouriersAccept(t *testing.T) {
	w := newCargoWorld(t)
	w.mustAccept(parcel(t, "one"))
	w.now = w.now.Add(time.Second)
	c := w.begin(w.cca())
	for written, err := range c.Cargoes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := courierclient.Acceptable(written.Raw, w.now); err != nil {
			t.Error(err)
		}
		m, err := ramf.Parse(written.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if m.Recipient != (ramf.Recipient{ID: w.private.ID()}) || !m.CreatedAt.Equal(w.now.Add(-3*time.Hour)) || m.TTL > ramf.MaxTTL {
			t.Errorf("to %+v, created %v, for %v", m.Recipient, m.CreatedAt, m.TTL)
		}
		if len(written.Raw) > ramf.MaxWrittenMessageLen {
			t.Errorf("%d octets", len(written.Raw))
		}
	}
}

// TestParcelsDatedAheadWaitForAnotherCollection: private gateways throw away what is not
// valid by their own clock.
func TestParcelsDatedAheadWaitForAnotherCollection(t *testing.T) {
	w := newCargoWorld(t)
	m := message()
	m.ID, m.CreatedAt, m.TTL = "ahead", w.now.Add(time.Hour), 24*time.Hour
	ahead := sign(t, m, theCast().sender)
	if _, err := w.accept.FromPrivateGateway(t.Context(), ahead, theCast().private.id(), events.ViaPoWeb, nil); err != nil {
		t.Fatal(err)
	}
	w.mustAccept(parcel(t, "two"))
	contains := func(items [][]byte) bool {
		return slices.ContainsFunc(items, func(item []byte) bool { return bytes.Equal(item, ahead) })
	}
	w.now = w.now.Add(time.Second)
	if got := w.collected(); contains(got) || !slices.Contains(kinds(got), cargo.KindParcel) {
		t.Errorf("collected %v", kinds(got))
	}
	w.now = w.now.Add(time.Hour)
	if !contains(w.collected()) {
		t.Errorf("it is valid, and not collected: %v", kinds(w.collected()))
	}
}

func TestParcelsStayUntilTheyAreAcknowledged(t *testing.T) {
	w := newCargoWorld(t)
	raw := parcel(t, "one")
	w.mustAccept(raw)
	for range 2 {
		w.now = w.now.Add(time.Minute)
		if got := w.collected(); !slices.ContainsFunc(got, func(item []byte) bool { return bytes.Equal(item, raw) }) {
			t.Fatal("the parcel is missing")
		}
	}
	ack, err := courierclient.Acknowledgement(raw)
	if err != nil {
		t.Fatal(err)
	}
	w.unwrapped(ack)
	if got := kinds(w.collected()); slices.Contains(got, cargo.KindParcel) {
		t.Error("the parcel comes again")
	}
}

func TestRefusedAuthorisations(t *testing.T) {
	w := newCargoWorld(t)
	c := theCast()
	authorization := func(change func(*pki.IssueRequest)) []byte {
		request := pki.IssueRequest{
			Subject: &c.us.key.PublicKey, IssuerKey: c.private.key, Issuer: c.private.certificate,
			NotBefore: w.now, NotAfter: w.now.Add(time.Hour),
		}
		change(&request)
		cda, err := pki.IssueDeliveryAuthorization(request)
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := cargo.CollectionRequest{DeliveryAuthorization: cda}.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return seal(t, w, plaintext)
	}
	sealed := w.private.NewMessage(ramf.TypeCCA)
	sealed.Payload = []byte("no envelope")
	refused := refusedMessages(t, w, ramf.TypeCCA)
	refused["a cargo"] = w.cargo()
	refused["no envelope"] = sign(t, sealed, c.private)
	refused["no request"] = seal(t, w, []byte("no request"))
	refused["a delivery authorisation for another"] = authorization(func(r *pki.IssueRequest) { r.Subject = &c.endpoint.key.PublicKey })
	refused["an expired delivery authorisation"] = authorization(func(r *pki.IssueRequest) {
		r.NotBefore, r.NotAfter = w.now.Add(-2*time.Hour), w.now.Add(-time.Hour)
	})
	refused["a delivery authorisation of tomorrow"] = authorization(func(r *pki.IssueRequest) {
		r.NotBefore, r.NotAfter = w.now.Add(24*time.Hour), w.now.Add(25*time.Hour)
	})
	refused["a delivery authorisation by another"] = authorization(func(r *pki.IssueRequest) { r.IssuerKey, r.Issuer = c.stranger.key, c.stranger.certificate })
	kinds := map[string]handlers.RefusalKind{
		"expired": handlers.Invalid, "future": handlers.Invalid, "stranger": handlers.Invalid, "for another": handlers.Misdirected,
	}
	for name, raw := range refused {
		t.Run(name, func(t *testing.T) {
			want := kinds[name]
			if strings.Contains(name, "delivery authorisation") {
				want = handlers.Invalid
			} else if want == 0 {
				want = handlers.Malformed
			}
			_, err := w.collectCargo.Begin(t.Context(), raw)
			if r := handlers.AsRefusal(err); r == nil || r.Kind != want || !fault.IsPermanent(err) {
				t.Errorf("got %v, want kind %v", err, want)
			}
		})
	}
}

func seal(t *testing.T, w *cargoWorld, plaintext []byte) []byte {
	t.Helper()
	raw, err := w.private.Seal(t.Context(), w.private.NewMessage(ramf.TypeCCA), plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAuthorisationIsUsedOnce(t *testing.T) {
	w := newCargoWorld(t)
	w.mustAccept(parcel(t, "one"))
	w.now = w.now.Add(time.Second)
	cca := w.cca()
	first := w.begin(cca)
	if _, err := w.collectCargo.Begin(t.Context(), cca); !errors.Is(err, handlers.ErrInUse) {
		t.Errorf("while it is in use: %v", err)
	}
	if len(w.items(first)) == 0 {
		t.Error("nothing collected")
	}
	first.Close() // broken off
	second := w.begin(cca)
	if len(w.items(second)) == 0 {
		t.Error("nothing collected the second time")
	}
	if err := second.Fulfil(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.Close()
	_, err := w.collectCargo.Begin(t.Context(), cca)
	if r := handlers.AsRefusal(err); r == nil || r.Kind != handlers.Used {
		t.Errorf("after it was used: %v", err)
	}
	if err := first.Fulfil(t.Context()); handlers.AsRefusal(err) == nil || handlers.AsRefusal(err).Kind != handlers.Used {
		t.Errorf("a late end of the first collection: %v", err)
	}
	w.now = w.now.Add(time.Minute)
	w.begin(w.cca())
}

func TestFulfilFaults(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			w := newCargoWorld(t)
			cca := w.cca()
			c := w.begin(cca)
			w.items(c)
			w.log.breaker = f
			if err := c.Fulfil(t.Context()); !errors.Is(err, errBroken) {
				t.Fatalf("got %v", err)
			}
			c.Close()
			again, err := w.collectCargo.Begin(t.Context(), cca)
			if f.stored {
				if r := handlers.AsRefusal(err); r == nil || r.Kind != handlers.Used {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again.Close()
		})
	}
}

// TestPreparedFaults shows that no cargo is handed out that the history does not
// know, and that the next collection has everything.
func TestPreparedFaults(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			w := newCargoWorld(t)
			w.mustAccept(parcel(t, "one"))
			w.now = w.now.Add(time.Second)
			cca := w.cca()
			c := w.begin(cca)
			w.log.after(1, f) // the certificate rotation is recorded first
			for written, err := range c.Cargoes(t.Context()) {
				if !errors.Is(err, errBroken) || written.Raw != nil {
					t.Errorf("handed out %d octets, %v", len(written.Raw), err)
				}
			}
			c.Close()
			if got := w.items(w.begin(cca)); !slices.Contains(kinds(got), cargo.KindParcel) {
				t.Error("the parcel is missing")
			}
		})
	}
}

// TestAcknowledgementsAreSentThreeTimes shows that PCAs are not sent for ever, but
// again when the parcel comes again.
func TestAcknowledgementsAreSentThreeTimes(t *testing.T) {
	w := newCargoWorld(t)
	count := func() (n int) {
		w.now = w.now.Add(time.Minute)
		for _, k := range kinds(w.collected()) {
			if k == cargo.KindParcelCollectionAck {
				n++
			}
		}
		return n
	}
	w.unwrapped(toInternet(t))
	broken := w.begin(w.cca())
	w.items(broken)
	broken.Close()
	for i, want := range []int{1, 1, 1, 0, 0} {
		if got := count(); got != want {
			t.Errorf("collection %d: %d acknowledgements, want %d", i, got, want)
		}
	}
	w.unwrapped(toInternet(t))
	w.unwrapped(toInternet(t))
	for i, want := range []int{1, 1, 1, 0} {
		if got := count(); got != want {
			t.Errorf("collection %d after the parcel came again: %d acknowledgements, want %d", i, got, want)
		}
	}
	w.unwrapped(toInternet(t))
	w.now = w.now.Add(2 * time.Hour)
	if got := count(); got != 0 {
		t.Errorf("%d acknowledgements of an expired parcel", got)
	}
}

func TestWhatCannotBeHandedOutIsPassedOver(t *testing.T) {
	w := newCargoWorld(t)
	w.mustAccept(numbered(t, "first", nil))
	// None so long is accepted; should the history hold one, it is passed over.
	w.recordTooLarge("too large")
	w.mustAccept(numbered(t, "gone", nil))
	w.mustAccept(numbered(t, "damaged", nil))
	w.mustAccept(numbered(t, "largest", make([]byte, 8_300_000)))
	w.mustAccept(numbered(t, "last", nil))
	for _, item := range w.pending() {
		var err error
		switch item.Key.ParcelID {
		case "gone":
			err = w.blobs.Delete(t.Context(), item.BlobKey)
		case "damaged":
			err = w.blobs.Put(t.Context(), item.BlobKey, []byte("something else"), blobMeta)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(time.Second)
	var got []string
	for _, item := range w.collected() {
		if m, err := ramf.Parse(item); err == nil {
			got = append(got, m.ID)
		}
	}
	if diff := cmp.Diff([]string{"first", "largest", "last"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"too large", "gone", "damaged"}, w.passedOver); diff != "" {
		t.Error(diff)
	}
}

// recordTooLarge records a parcel that is longer than what cargo carries.
func (w *cargoWorld) recordTooLarge(id string) {
	w.t.Helper()
	m := message()
	accepted := events.GatewayParcelAccepted{
		ParcelKey: events.ParcelKey{SenderID: m.SenderID(), RecipientID: m.Recipient.ID, ParcelID: id},
		ParcelBlob: events.ParcelBlob{
			BlobKey: "none", Size: cargo.MaxItemLen, SHA256: strings.Repeat("0", 64), CreatedAt: m.CreatedAt, ExpiresAt: m.ExpiresAt(),
		},
		PrivateGatewayID: theCast().private.id(), Via: events.ViaPoHTTP,
	}
	if _, err := w.log.Append(w.t.Context(), events.New("", "test", w.now, accepted)); err != nil {
		w.t.Fatal(err)
	}
}

func TestCollectionOutages(t *testing.T) {
	w := newCargoWorld(t)
	w.mustAccept(parcel(t, "one"))
	w.now = w.now.Add(time.Second)
	cca := w.cca()
	w.vault.sealed = true
	if _, err := w.collectCargo.Begin(t.Context(), cca); !errors.Is(err, errSealed) || handlers.AsRefusal(err) != nil {
		t.Errorf("begin: %v", err)
	}
	w.vault.sealed = false
	c := w.begin(cca)
	w.vault.sealed = true
	for _, err := range c.Cargoes(t.Context()) {
		if !errors.Is(err, errSealed) {
			t.Errorf("cargo: %v", err)
		}
	}
	w.vault.sealed = false
	c.Close()
	if got := kinds(w.items(w.begin(cca))); !slices.Contains(got, cargo.KindParcel) {
		t.Errorf("after the outage: %v", got)
	}
}

func TestCollectionEndsBeforeItsDeadline(t *testing.T) {
	w := newCargoWorld(t)
	w.mustAccept(parcel(t, "one"))
	w.now = w.now.Add(time.Second)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	c := w.begin(w.cca())
	for range c.Cargoes(ctx) {
		t.Error("a cargo was written in no time at all")
	}
}

// TestNewestPeerKeyWins opens messages at once and in any order: the key of the one
// with the latest date is the one that stays.
func TestNewestPeerKeyWins(t *testing.T) {
	w := newCargoWorld(t)
	var cargoes [][]byte
	for i := range 16 {
		m := w.private.NewMessage(ramf.TypeCargo)
		m.CreatedAt = today.Add(time.Duration(-i) * time.Minute)
		raw, err := w.private.Seal(t.Context(), m, []byte{0x30, 0})
		if err != nil {
			t.Fatal(err)
		}
		cargoes = append(cargoes, raw)
	}
	newest, err := ramf.Parse(cargoes[0])
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range cargoes {
		m, err := ramf.Parse(cargoes[(i*7)%len(cargoes)])
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if _, _, err := w.sessions.Open(context.Background(), m, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	last, err := w.log.Last(t.Context(), events.StreamGateway, events.SessionKeyChannel(w.private.ID()))
	if err != nil {
		t.Fatal(err)
	}
	learned := last.Data.(events.PeerSessionKeyLearned)
	if !learned.MessageCreatedAt.Equal(newest.CreatedAt) || learned.OurKeyID == "" {
		t.Errorf("the last key learned is from %v", learned.MessageCreatedAt)
	}
	var previous time.Time
	for _, r := range w.records(events.StreamGateway) {
		if data, ok := r.Data.(events.PeerSessionKeyLearned); ok {
			if !data.MessageCreatedAt.After(previous) {
				t.Errorf("%v after %v", data.MessageCreatedAt, previous)
			}
			previous = data.MessageCreatedAt
		}
	}
}
