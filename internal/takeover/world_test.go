package takeover_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/takeover"
)

const address = "gw.example.com"

// keys are made once: what differs between tests is not in them.
var keys = sync.OnceValue(func() (all [3]*rsa.PrivateKey) {
	for i := range all {
		key, err := pki.GenerateIdentityKey()
		if err != nil {
			panic(err)
		}
		all[i] = key
	}
	return all
})

// world is another gateway in memory, and a gateway to take it over into.
type world struct {
	t      *testing.T
	former *stores
	theirs keystore.Secrets
	nodeID string
	peer   *pki.Certificate // a private gateway
	sender *pki.Certificate // of parcels, both ways
	target *takeover.Target
	log    *faultyLog
	blobs  *faultyBlobs
	next   int
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	own, peer, endpoint := keys()[0], keys()[1], keys()[2]
	issue := func(how func(pki.IssueRequest) (*pki.Certificate, error), subject, issuer *rsa.PrivateKey, by *pki.Certificate) *pki.Certificate {
		return must(how(pki.IssueRequest{
			Subject: &subject.PublicKey, IssuerKey: issuer, Issuer: by,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
		}))(t)
	}
	certificate := issue(pki.IssueInternetGateway, own, own, nil)
	w := &world{t: t, nodeID: certificate.SubjectID(), theirs: openSecrets(t)}
	w.peer = issue(pki.IssuePrivateGateway, peer, own, certificate)
	w.sender = issue(pki.IssueEndpoint, endpoint, peer, w.peer)
	w.former = &stores{current: w.nodeID, objects: map[string][]byte{}, channels: map[string]*channel{
		"crc-cargo": {}, "internet-parcels": {},
	}}
	path := must(pki.CertificationPath{Leaf: certificate}.Marshal())(t)
	w.former.paths = []takeover.Document[takeover.Certificate]{{
		Name: "1", Data: takeover.Certificate{SubjectID: w.nodeID, IssuerID: w.nodeID, Path: path},
	}}
	must(keystore.New(w.theirs).SaveIdentityKey(t.Context(), own))(t)
	w.session(w.peer.SubjectID())
	w.openTarget()
	return w
}

// ownCertificate gives the other gateway one more.
func (w *world) ownCertificate() {
	w.t.Helper()
	own := keys()[0]
	certificate := must(pki.IssueInternetGateway(pki.IssueRequest{
		Subject: &own.PublicKey, IssuerKey: own, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(200 * 24 * time.Hour),
	}))(w.t)
	w.former.paths = append(w.former.paths, takeover.Document[takeover.Certificate]{Name: "2", Data: takeover.Certificate{
		SubjectID: w.nodeID, IssuerID: w.nodeID, Path: must(pki.CertificationPath{Leaf: certificate}.Marshal())(w.t),
	}})
}

func (w *world) session(peerID string) {
	w.t.Helper()
	key := must(pki.GenerateSessionKey())(w.t)
	if err := keystore.New(w.theirs).SaveSessionKey(w.t.Context(), w.nodeID, peerID, key); err != nil {
		w.t.Fatal(err)
	}
	theirs := must(pki.GenerateSessionKey())(w.t)
	w.former.peerKeys = append(w.former.peerKeys, takeover.Document[takeover.PeerSessionKey]{Data: takeover.PeerSessionKey{
		PeerID: peerID, KeyID: theirs.ID, Key: must(theirs.Public().Marshal())(w.t), CreatedAt: time.Now().Add(-time.Hour),
	}})
}

func openSecrets(t *testing.T) keystore.Secrets {
	t.Helper()
	store := must(sealed.Open(filepath.Join(t.TempDir(), "keys"), sealed.Options{}))(t)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func (w *world) openTarget() {
	store := must(files.Open(w.t.TempDir(), files.Options{}))(w.t)
	w.t.Cleanup(func() { _ = store.Close() })
	w.log = &faultyLog{Log: jetstreamtest.Open(w.t)}
	w.blobs = &faultyBlobs{Store: store}
	w.target = &takeover.Target{Secrets: openSecrets(w.t), Blobs: w.blobs, History: w.log}
}

func (w *world) takeover() *takeover.Takeover {
	return &takeover.Takeover{
		Source: takeover.Source{Records: w.former, Keys: w.theirs, Objects: w.former, Queues: w.former},
		Target: w.target, Address: address, Bucket: "bucket", Cluster: "cluster",
		Progress: func(takeover.Progress) {}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// message returns a signed message with an id of its own.
func (w *world) message(kind ramf.Type, recipient ramf.Recipient, ttl time.Duration) []byte {
	w.t.Helper()
	w.next++
	m := &ramf.Message{
		Type: kind, Recipient: recipient, ID: fmt.Sprintf("message-%d", w.next),
		CreatedAt: time.Now().Add(-time.Minute), TTL: ttl, Payload: []byte("payload"), Sender: w.sender,
	}
	signer := keys()[2]
	if kind == ramf.TypeCargo {
		m.Sender, signer = w.peer, keys()[1]
	}
	return must(m.Sign(signer))(w.t)
}

// inbound stores a parcel for the private gateway, and returns its key.
func (w *world) inbound(ttl time.Duration) string {
	raw := w.message(ramf.TypeParcel, ramf.Recipient{ID: w.sender.SubjectID()}, ttl)
	key := handlers.FormerKey(w.peer.SubjectID(), parcelKey(w.t, raw))
	w.former.objects[key] = raw
	return key
}

// outbound stores a parcel for the Internet, and returns its key.
func (w *world) outbound(ttl time.Duration) string {
	raw := w.message(ramf.TypeParcel, ramf.Recipient{ID: w.peer.SubjectID(), InternetAddress: "receiver.example"}, ttl)
	key := handlers.FormerEndpointBound + handlers.FormerInternetKey(w.peer.SubjectID(), parcelKey(w.t, raw))
	w.former.objects[key] = raw
	return key
}

func parcelKey(t *testing.T, raw []byte) events.ParcelKey {
	m := must(ramf.Parse(raw))(t)
	return events.ParcelKey{SenderID: m.SenderID(), RecipientID: m.Recipient.ID, ParcelID: m.ID}
}

// cargo queues a cargo.
func (w *world) cargo() {
	w.queue("crc-cargo", w.message(ramf.TypeCargo, ramf.Recipient{ID: w.nodeID}, time.Hour))
}

func (w *world) queue(name string, messages ...[]byte) {
	c := w.former.channels[name]
	if c == nil {
		c = &channel{}
		w.former.channels[name] = c
	}
	c.messages = append(c.messages, messages...)
}

func (w *world) record(parcelID string, ttl time.Duration) {
	w.former.records = append(w.former.records, takeover.Document[takeover.ParcelCollection]{Data: takeover.ParcelCollection{
		PrivateGatewayID: w.peer.SubjectID(), SenderID: w.sender.SubjectID(), RecipientID: w.nodeID, ParcelID: parcelID,
		ExpiresAt: time.Now().Add(ttl),
	}})
}

func (w *world) fulfil(id string) {
	w.former.used = append(w.former.used, takeover.Document[takeover.Fulfilment]{Data: takeover.Fulfilment{
		PrivateGatewayID: w.peer.SubjectID(), AuthorizationID: id, ExpiresAt: time.Now().Add(time.Hour),
	}})
}

// populated is a world with some of everything.
func populated(t *testing.T) *world {
	w := newWorld(t)
	for range 3 {
		w.inbound(time.Hour)
		w.outbound(time.Hour)
		w.cargo()
	}
	w.inbound(time.Second)
	w.record("known", time.Hour)
	w.record("forgotten", -time.Hour)
	w.fulfil("used")
	return w
}

// lines returns the lines of an account by their kinds.
func lines(a takeover.Account) map[takeover.Kind]takeover.Line {
	all := map[takeover.Kind]takeover.Line{}
	for _, l := range a.Lines {
		all[l.Kind] = l
	}
	return all
}

// recordedOnce fails the test if an event is in the history twice.
func (w *world) recordedOnce() {
	w.t.Helper()
	for _, spec := range events.Streams() {
		seen := map[string]bool{}
		err := w.log.Records(w.t.Context(), spec.Name, func(r events.Record) error {
			if seen[r.ID] {
				w.t.Errorf("%s holds %s %s twice", spec.Name, r.Data.EventType(), r.ID)
			}
			seen[r.ID] = true
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

var errFault = errors.New("an outage")

// fault makes the nth call fail, before or after it had its effect.
type fault struct {
	mu     sync.Mutex
	n      int // 0: no fault
	stored bool
}

func (f *fault) arm(n int, stored bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.stored = n, stored
}

// strikes tells whether this call fails, and whether it has its effect.
func (f *fault) strikes() (fails, effect bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		return false, true
	}
	f.n--
	return f.n == 0, f.n > 0 || f.stored
}

func with[T any](f *fault, do func() (T, error)) (value T, err error) {
	fails, effect := f.strikes()
	if effect {
		value, err = do()
	}
	if fails {
		err = errFault
	}
	return value, err
}

// faultyLog is a takeover.History.
type faultyLog struct {
	*jetstream.Log
	fault
}

func (l *faultyLog) Append(ctx context.Context, e events.Event) (events.Position, error) {
	return with(&l.fault, func() (events.Position, error) { return l.Log.Append(ctx, e) })
}

func (l *faultyLog) AppendAfter(ctx context.Context, e events.Event, last uint64) (events.Position, error) {
	return with(&l.fault, func() (events.Position, error) { return l.Log.AppendAfter(ctx, e, last) })
}

func (l *faultyLog) Records(ctx context.Context, stream string, yield func(events.Record) error) error {
	state, err := l.State(ctx, stream)
	if err != nil {
		return err
	}
	for sequence := state.First; sequence <= state.Last; sequence++ {
		r, err := l.At(ctx, stream, sequence)
		if err == nil {
			err = yield(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type faultyBlobs struct {
	blobs.Store
	fault
}

func (b *faultyBlobs) Put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	_, err := with(&b.fault, func() (struct{}, error) { return struct{}{}, b.Store.Put(ctx, key, body, m) })
	return err
}
