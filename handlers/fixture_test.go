package handlers_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/projections"
	"awala.network/gateway/projections/onjetstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ourAddress = "gw.example.com"

// today is the clock of the tests.
var today = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// node is a key with its certificate.
type node struct {
	key         *rsa.PrivateKey
	certificate *pki.Certificate
}

func (n node) id() string { return n.certificate.SubjectID() }

// cast are the nodes that the tests play with. Sender holds a delivery
// authorisation from endpoint, which is behind private, which is behind us.
type cast struct{ us, private, endpoint, sender, stranger node }

var theCast = sync.OnceValue(func() cast {
	var c cast
	c.us = issue(pki.IssueInternetGateway, nil)
	c.private = issue(pki.IssuePrivateGateway, &c.us)
	c.endpoint = issue(pki.IssueEndpoint, &c.private)
	c.sender = issue(pki.IssueDeliveryAuthorization, &c.endpoint)
	c.stranger = issue(pki.IssueEndpoint, nil)
	return c
})

func issue(profile func(pki.IssueRequest) (*pki.Certificate, error), issuer *node) node {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		panic(err)
	}
	request := pki.IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key, NotBefore: today.AddDate(0, 0, -30), NotAfter: today.AddDate(0, 0, 30),
	}
	if issuer != nil {
		request.IssuerKey, request.Issuer = issuer.key, issuer.certificate
	}
	certificate, err := profile(request)
	if err != nil {
		panic(err)
	}
	return node{key, certificate}
}

// message returns a valid parcel to endpoint, to be changed by the test.
func message() *ramf.Message {
	c := theCast()
	return &ramf.Message{
		Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: c.endpoint.id()}, ID: "parcel 1",
		CreatedAt: today.Add(-time.Minute), TTL: time.Hour, Payload: []byte("payload"),
		Sender: c.sender.certificate, Attached: []*pki.Certificate{c.endpoint.certificate, c.private.certificate},
	}
}

func sign(t *testing.T, m *ramf.Message, sender node) []byte {
	t.Helper()
	raw, err := m.Sign(sender.key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// parcel returns a valid parcel with that payload.
func parcel(t *testing.T, payload string) []byte {
	t.Helper()
	m := message()
	m.Payload = []byte(payload)
	return sign(t, m, theCast().sender)
}

var blobMeta = blobs.Meta{ExpiresAt: today.Add(time.Hour)}

var errBroken = errors.New("broken")

// breaker fails one write when told to, before it takes effect or after.
type breaker struct {
	armed, stored bool
	skip          int // writes that go well before
}

// guard serialises what concurrent writes do with their breakers.
var guard sync.Mutex

// strikes tells whether this write is to fail, and disarms.
func (b *breaker) strikes() bool {
	guard.Lock()
	defer guard.Unlock()
	if b.armed && b.skip > 0 {
		b.skip--
		return false
	}
	struck := b.armed
	b.armed = false
	return struck
}

// after arms the breaker for the write after n more.
func (b *breaker) after(n int, as breaker) {
	guard.Lock()
	defer guard.Unlock()
	*b = as
	b.skip = n
}

func (b *breaker) write(do func() error) error {
	if !b.strikes() {
		return do()
	}
	if b.stored {
		if err := do(); err != nil {
			return err
		}
	}
	return errBroken
}

type breakingBlobs struct {
	breaker
	blobs.Store
}

func (b *breakingBlobs) Put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	return b.write(func() error { return b.Store.Put(ctx, key, body, m) })
}

func (b *breakingBlobs) Delete(ctx context.Context, key string) error {
	return b.write(func() error { return b.Store.Delete(ctx, key) })
}

type breakingLog struct {
	breaker
	*jetstream.Log
}

func (l *breakingLog) Append(ctx context.Context, e events.Event) (p events.Position, err error) {
	err = l.write(func() error { p, err = l.Log.Append(ctx, e); return err })
	return p, err
}

// identity is ours.
type identity struct{}

func (identity) InternetAddress() string { return ourAddress }

func (identity) Validator() *pki.Validator {
	return pki.NewValidator([]*pki.Certificate{theCast().us.certificate}, nil)
}

// world is the use cases on real stores.
type world struct {
	t      testing.TB
	now    time.Time
	blobs  *breakingBlobs
	log    *breakingLog
	runner *projections.Runner[projections.Parcel]
	reader *projections.Reader
	// deliveries is brought up to date by projectDeliveries.
	deliveries *projections.Runner[projections.Delivery]
	accept     *handlers.AcceptParcel
	collect    *handlers.CollectParcel
	del        *handlers.DeleteBlob
	expire     *handlers.ExpireParcels
	replace    *handlers.ReplaceParcels
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: today}
	clock := func() time.Time { return w.now }
	store, err := files.Open(t.TempDir(), files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "projections.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	mailbox, err := projections.Open(t.Context(), db, projections.Mailbox{})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	w.blobs, w.log = &breakingBlobs{Store: store}, &breakingLog{Log: jetstreamtest.Open(t)}
	w.runner = projections.NewRunner(projections.Mailbox{}, mailbox, quiet)
	w.reader = projections.NewReader(mailbox, onjetstream.Log{Log: w.log.Log}, clock)
	w.del = &handlers.DeleteBlob{Mailbox: w.reader, Blobs: w.blobs}
	deliveries, err := projections.Open(t.Context(), db, projections.Deliveries{})
	if err != nil {
		t.Fatal(err)
	}
	w.deliveries = projections.NewRunner(projections.Deliveries{}, deliveries, quiet)
	w.accept = &handlers.AcceptParcel{
		Identity: identity{}, Mailbox: w.reader, Blobs: w.blobs, Log: w.log, Ended: w.del, Logger: quiet, Now: clock,
		Deliveries: projections.NewDeliveryReader(deliveries, deliveries),
	}
	w.collect = &handlers.CollectParcel{Mailbox: w.reader, Log: w.log, Now: clock}
	open := projections.NewOpenParcels(mailbox)
	w.expire = &handlers.ExpireParcels{Open: open, Log: w.log, Now: clock}
	w.replace = &handlers.ReplaceParcels{Open: open, Log: w.log, Now: clock}
	return w
}

// records returns what a stream holds.
func (w *world) records(stream string) []events.Record {
	w.t.Helper()
	reader := w.log.Reader(stream, 1)
	defer reader.Close(context.Background())
	var all []events.Record
	last, err := w.log.LastSequence(w.t.Context(), stream, ">")
	for err == nil && uint64(len(all)) < last {
		var batch jetstream.Batch
		batch, err = reader.Read(w.t.Context(), 100)
		all = append(all, batch.Records...)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// types returns the types of what a stream holds.
func (w *world) types(stream string) []string {
	var all []string
	for _, r := range w.records(stream) {
		all = append(all, string(r.Data.EventType()))
	}
	return all
}

// keys returns the keys of all blobs.
func (w *world) keys() []string {
	w.t.Helper()
	var all []string
	for info, err := range w.blobs.List(w.t.Context(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, info.Key)
	}
	return all
}

// pending returns what is queued for the private gateway.
func (w *world) pending() []projections.Item {
	w.t.Helper()
	items, err := w.reader.Pending(w.t.Context(), theCast().private.id(), 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return items
}

// project brings the projection up to date.
func (w *world) project() {
	w.t.Helper()
	if _, err := w.runner.Apply(w.t.Context(), w.records(events.StreamGatewayParcels)); err != nil {
		w.t.Fatal(err)
	}
}

// projectDeliveries brings the projection of deliveries up to date.
func (w *world) projectDeliveries() {
	w.t.Helper()
	if _, err := w.deliveries.Apply(w.t.Context(), w.records(events.StreamInternetParcels)); err != nil {
		w.t.Fatal(err)
	}
}

// mustAccept accepts a parcel from the Internet.
func (w *world) mustAccept(raw []byte) handlers.Accepted {
	w.t.Helper()
	a, err := w.accept.FromInternet(w.t.Context(), raw)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// effects handles every event of the streams as the worker would, twice.
func (w *world) effects() {
	w.t.Helper()
	all := slices.Concat(w.records(events.StreamGatewayParcels), w.records(events.StreamInternetParcels))
	for _, r := range slices.Concat(all, all) {
		if err := w.del.Handle(w.t.Context(), r.Event); err != nil {
			w.t.Fatal(err)
		}
	}
}

// faults are the ways in which a write goes wrong.
var faults = map[string]breaker{
	"failed and not stored": {armed: true},
	"failed but stored":     {armed: true, stored: true},
}
