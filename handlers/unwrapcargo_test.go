package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// history is what unwrapping may add to, by stream.
func (w *cargoWorld) history() map[string][]string {
	all := map[string][]string{}
	for _, s := range events.Streams() {
		for _, r := range w.records(s.Name) {
			all[s.Name] = append(all[s.Name], r.ID+" "+string(r.Data.EventType()))
		}
	}
	return all
}

// rotation is a certificate rotation, which we do not take.
func rotation(t *testing.T) []byte {
	t.Helper()
	c := theCast()
	raw, err := cargo.CertificateRotation{
		Path: pki.CertificationPath{Leaf: c.private.certificate, CAs: []*pki.Certificate{c.us.certificate}},
	}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestUnwrapEveryKindOfItem(t *testing.T) {
	w := newCargoWorld(t)
	c := theCast()
	w.now = w.now.Add(-time.Minute)
	w.mustAccept(parcel(t, "queued"))
	w.now = today
	w.collected()
	before := len(w.records(events.StreamGatewayParcels))
	bad := parcel(t, "bad")
	bad[len(bad)-1] ^= 1
	got := w.unwrapped(
		numbered(t, "to a private gateway", []byte("payload")),
		toInternet(t),
		acknowledgement(t, c.sender.id(), c.endpoint.id(), "parcel 1"),
		rotation(t),
		bad,
		[]byte("nonsense"),
		acknowledgement(t, c.sender.id(), "0abc", "parcel 1"),
	)
	want := events.CargoUnwrapped{CargoRef: got.CargoRef, Parcels: 3, Acknowledgements: 2, Rotations: 1, Bad: 3, BadItems: got.BadItems}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var indexes []int
	for _, b := range got.BadItems {
		indexes = append(indexes, b.Index)
	}
	if !slices.Equal(indexes, []int{4, 5, 6}) {
		t.Errorf("bad items: %+v", got.BadItems)
	}
	if items := w.pending(); len(items) != 1 || items[0].Key.ParcelID != "to a private gateway" || items[0].SourceGatewayID != c.private.id() {
		t.Errorf("queued: %+v", items)
	}
	if types := w.types(events.StreamInternetParcels); !slices.Equal(types, []string{"internet-parcel-accepted.v1"}) {
		t.Errorf("for the Internet: %v", types)
	}
	for _, r := range slices.Concat(w.records(events.StreamInternetParcels), w.records(events.StreamGatewayParcels)[before:]) {
		if r.CausationID == "" || r.CorrelationID != got.ReceivedID {
			t.Errorf("%s follows from %q, correlated with %q", r.Data.EventType(), r.CausationID, r.CorrelationID)
		}
	}
	if due := dueParcels(w.world); len(due) != 2 {
		t.Errorf("due: %+v", due)
	}
}

// dueParcels returns the ids of the parcels to be acknowledged.
func dueParcels(w *world) (ids []string) {
	for _, r := range w.records(events.StreamGateway) {
		if due, ok := r.Data.(events.AcknowledgementsDue); ok {
			for _, p := range due.Parcels {
				ids = append(ids, p.ParcelID)
			}
		}
	}
	return ids
}

func TestUnwrappingTwiceChangesNothing(t *testing.T) {
	w := newCargoWorld(t)
	c := theCast()
	r := w.received(w.cargo(parcel(t, "one"), toInternet(t), acknowledgement(t, c.sender.id(), c.endpoint.id(), "x"), []byte("bad")))
	if err := w.unwrap.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	before := w.history()
	for range 3 {
		if err := w.unwrap.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, w.history()); diff != "" {
			t.Fatal(diff)
		}
	}
	if len(w.pending()) != 1 {
		t.Errorf("queued: %+v", w.pending())
	}
	data := r.Data.(events.CargoReceived)
	if err := w.blobs.Delete(t.Context(), data.BlobKey); err != nil {
		t.Fatal(err)
	}
	if err := w.unwrap.Handle(t.Context(), r); err != nil {
		t.Errorf("a late repetition, after the blob was deleted: %v", err)
	}
}

func TestDuplicatesAreAcknowledgedAgain(t *testing.T) {
	w := newCargoWorld(t)
	raw := parcel(t, "one")
	w.unwrapped(raw)
	if again := w.unwrapped(raw); again.Duplicates != 1 || again.Parcels != 1 {
		t.Errorf("again: %+v", again)
	}
	if len(w.pending()) != 1 {
		t.Errorf("queued: %+v", w.pending())
	}
	if due := dueParcels(w.world); len(due) != 2 {
		t.Errorf("due: %v", due)
	}
}

// TestAcknowledgementsOfOthers shows that a PCA ends nothing but a parcel for the
// very gateway that sends it, accepted before.
func TestAcknowledgementsOfOthers(t *testing.T) {
	w := newCargoWorld(t)
	c := theCast()
	other := issue(pki.IssuePrivateGateway, &c.us)
	stranger := w.register(other)
	w.now = w.now.Add(-time.Minute)
	w.mustAccept(parcel(t, "queued"))
	w.now = today
	raw, err := stranger.SerializeCargo(t.Context(), acknowledgement(t, c.sender.id(), c.endpoint.id(), "parcel 1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.unwrap.Handle(t.Context(), w.received(raw)); err != nil {
		t.Fatal(err)
	}
	if len(w.pending()) != 1 {
		t.Error("another gateway's acknowledgement ended the parcel")
	}
	early := w.cargo(acknowledgement(t, c.sender.id(), c.endpoint.id(), "new"))
	r := w.received(early)
	w.now = w.now.Add(time.Minute)
	w.mustAccept(numbered(t, "new", []byte("payload")))
	if err := w.unwrap.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(w.pending()) != 2 {
		t.Error("an acknowledgement ended a parcel that came after it")
	}
}

func TestUndecryptableCargoIsRefused(t *testing.T) {
	w := newCargoWorld(t)
	c := theCast()
	sealed := func(payload []byte) []byte {
		m := w.private.NewMessage(ramf.TypeCargo)
		m.Payload = payload
		return sign(t, m, c.private)
	}
	noSet, err := w.private.Seal(t.Context(), w.private.NewMessage(ramf.TypeCargo), []byte("no set"))
	if err != nil {
		t.Fatal(err)
	}
	// A key that is bound to another private gateway is none.
	other := w.register(issue(pki.IssuePrivateGateway, &c.us))
	m, err := other.Seal(t.Context(), other.NewMessage(ramf.TypeCargo), []byte{0x30, 0})
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := ramf.Parse(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"no envelope": sealed([]byte("payload")), "another's key": sealed(stolen.Payload), "no message set": noSet,
	} {
		t.Run(name, func(t *testing.T) {
			r := w.received(raw)
			for range 2 {
				if err := w.unwrap.Handle(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			records := w.records(events.StreamCargo)
			refused, ok := records[len(records)-1].Data.(events.CargoRefused)
			if !ok || refused.Reason == "" || refused.ReceivedID != r.ID {
				t.Errorf("outcome: %+v", records[len(records)-1].Data)
			}
			if len(records)%2 != 0 {
				t.Errorf("%d events", len(records))
			}
		})
	}
}

func TestOutagesLoseNothing(t *testing.T) {
	w := newCargoWorld(t)
	r := w.received(w.cargo(parcel(t, "one")))
	w.vault.sealed = true
	for range 3 {
		if err := w.unwrap.Handle(t.Context(), r); !errors.Is(err, errSealed) || fault.IsPermanent(err) {
			t.Fatalf("key store sealed: %v", err)
		}
	}
	w.vault.sealed = false
	if err := w.unwrap.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(w.pending()) != 1 {
		t.Error("the parcel is lost")
	}
}

func TestDamagedCargoIsParked(t *testing.T) {
	w := newCargoWorld(t)
	r := w.received(w.cargo(parcel(t, "one")))
	data := r.Data.(events.CargoReceived)
	if err := w.blobs.Put(t.Context(), data.BlobKey, []byte("damaged"), blobMeta); err != nil {
		t.Fatal(err)
	}
	if err := w.unwrap.Handle(t.Context(), r); !fault.IsPermanent(err) {
		t.Errorf("damaged: %v", err)
	}
	if err := w.blobs.Delete(t.Context(), data.BlobKey); err != nil {
		t.Fatal(err)
	}
	if err := w.unwrap.Handle(t.Context(), r); !fault.IsPermanent(err) {
		t.Errorf("gone: %v", err)
	}
	r.Data = events.CargoRefused{}
	if err := w.unwrap.Handle(t.Context(), r); !fault.IsPermanent(err) {
		t.Errorf("no cargo: %v", err)
	}
}

// TestUnwrapFaults breaks each write of a cargo in turn, in both ways, and shows
// that the next run completes it to the same history.
func TestUnwrapFaults(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			for n := range 20 {
				w := newCargoWorld(t)
				r := w.received(w.cargo(parcel(t, "one"), toInternet(t)))
				w.log.after(n, f)
				broken := w.unwrap.Handle(t.Context(), r)
				if broken != nil && (!errors.Is(broken, errBroken) || fault.IsPermanent(broken)) {
					t.Fatalf("write %d: %v", n, broken)
				}
				w.log.after(0, breaker{})
				if err := w.unwrap.Handle(t.Context(), r); err != nil {
					t.Fatalf("write %d: %v", n, err)
				}
				types := slices.Concat(w.types(events.StreamCargo), w.types(events.StreamGatewayParcels), w.types(events.StreamInternetParcels), w.types(events.StreamGateway))
				slices.Sort(types)
				want := []string{
					"acknowledgements-due.v1", "cargo-received.v1", "cargo-unwrapped.v1", "gateway-parcel-accepted.v1",
					"internet-parcel-accepted.v1", "peer-session-key-learned.v1",
				}
				if diff := cmp.Diff(want, types); diff != "" {
					t.Errorf("write %d: %s", n, diff)
				}
				if broken == nil {
					if n != 5 {
						t.Errorf("%d writes", n)
					}
					return
				}
			}
			t.Error("there is no end to the writes")
		})
	}
}

// panicking is an acceptor that cannot stand one parcel.
type panicking struct{ handlers.ParcelAcceptor }

func (p panicking) FromPrivateGateway(
	ctx context.Context, raw []byte, gatewayID string, via events.Ingress, cause *events.Event,
) (handlers.Accepted, error) {
	if strings.Contains(string(raw), "panic") {
		panic("at the parcel")
	}
	return p.ParcelAcceptor.FromPrivateGateway(ctx, raw, gatewayID, via, cause)
}

func TestPanickingItemParksTheCargoAfterTheRest(t *testing.T) {
	w := newCargoWorld(t)
	w.unwrap.Accept = panicking{w.accept}
	r := w.received(w.cargo(numbered(t, "one", nil), numbered(t, "two", []byte("panic")), numbered(t, "three", nil)))
	if err := w.unwrap.Handle(t.Context(), r); !fault.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	if len(w.pending()) != 2 || len(dueParcels(w.world)) != 2 {
		t.Errorf("queued %d, due %v", len(w.pending()), dueParcels(w.world))
	}
}

func TestManyBadItems(t *testing.T) {
	w := newCargoWorld(t)
	items := slices.Repeat([][]byte{nil}, 50_000)
	got := w.unwrapped(append(items, parcel(t, "one"))...)
	if got.Bad != 50_000 || len(got.BadItems) != 100 || got.Parcels != 1 {
		t.Errorf("%d bad, %d described, %d parcels", got.Bad, len(got.BadItems), got.Parcels)
	}
}

func TestManyAcknowledgementsAreRecordedInPortions(t *testing.T) {
	w := newCargoWorld(t)
	w.unwrap.Accept = accepting{}
	items := make([][]byte, events.MaxDueParcels+1)
	for i := range items {
		items[i] = fmt.Appendf(nil, "Awala\x50\x00%d", i)
	}
	w.unwrapped(items...)
	due := dueParcels(w.world)
	if len(due) != len(items) || due[0] != "0" || due[len(due)-1] != fmt.Sprint(events.MaxDueParcels) {
		t.Errorf("%d due", len(due))
	}
}

// accepting takes anything for a parcel.
type accepting struct{}

func (accepting) FromPrivateGateway(
	_ context.Context, raw []byte, _ string, _ events.Ingress, _ *events.Event,
) (handlers.Accepted, error) {
	c := theCast()
	return handlers.Accepted{
		Key:       events.ParcelKey{SenderID: c.sender.id(), RecipientID: c.endpoint.id(), ParcelID: string(raw[7:])},
		ExpiresAt: today.Add(time.Hour),
	}, nil
}

// garbled is a history in which a record cannot be read.
type garbled struct {
	*breakingLog
	sequence uint64
}

func (g garbled) Last(ctx context.Context, stream, subject string) (events.Record, error) {
	r, err := g.breakingLog.Last(ctx, stream, subject)
	if r.Sequence == g.sequence {
		r.Data = events.Unreadable{Err: errBroken}
	}
	return r, err
}

// TestUnreadableSessionKeyIsSuperseded: a private gateway whose recorded key cannot be
// read would have been cut off for ever.
func TestUnreadableSessionKeyIsSuperseded(t *testing.T) {
	w := newCargoWorld(t)
	w.unwrapped(parcel(t, "one"))
	last, err := w.log.Last(t.Context(), events.StreamGateway, events.SessionKeyChannel(w.private.ID()))
	if err != nil {
		t.Fatal(err)
	}
	w.unwrap.Sessions.Log = garbled{w.log, last.Sequence}
	w.now = w.now.Add(time.Minute)
	if got := w.unwrapped(parcel(t, "two")); got.Parcels != 1 {
		t.Errorf("%+v", got)
	}
	next, err := w.log.Last(t.Context(), events.StreamGateway, events.SessionKeyChannel(w.private.ID()))
	if err != nil || next.Sequence == last.Sequence {
		t.Errorf("the key of the next message is not recorded, %v", err)
	}
}
