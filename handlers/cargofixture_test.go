package handlers_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/awala/registration"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/claims"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/projections"
)

// issuer is our identity with what it takes to write cargo.
type issuer struct{ identity }

func (issuer) NodeID() string                { return theCast().us.id() }
func (issuer) Key() crypto.Signer            { return theCast().us.key }
func (issuer) Certificate() *pki.Certificate { return nextCertificate() }

// nextCertificate is our own certificate after a rotation.
var nextCertificate = sync.OnceValue(func() *pki.Certificate {
	us := theCast().us
	certificate, err := pki.IssueInternetGateway(pki.IssueRequest{
		Subject: &us.key.PublicKey, IssuerKey: us.key, NotBefore: today.Add(-time.Hour), NotAfter: today.AddDate(0, 0, 180),
	})
	if err != nil {
		panic(err)
	}
	return certificate
})

func (issuer) IssueFor(key *rsa.PublicKey) (*pki.Certificate, error) {
	own := nextCertificate()
	return pki.IssuePrivateGateway(pki.IssueRequest{
		Subject: key, IssuerKey: theCast().us.key, Issuer: own, NotBefore: own.NotBefore(), NotAfter: own.NotAfter(),
	})
}

// AppendAfter fails when told to.
func (l *breakingLog) AppendAfter(ctx context.Context, e events.Event, last uint64) (p events.Position, err error) {
	err = l.write(func() error { p, err = l.Log.AppendAfter(ctx, e, last); return err })
	return p, err
}

// vault keeps secrets in memory, and can be sealed.
type vault struct {
	mu      sync.Mutex
	sealed  bool
	records map[string]keystore.Record
}

var errSealed = errors.New("key store sealed")

func (v *vault) do(f func() error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sealed {
		return errSealed
	}
	return f()
}

func (v *vault) Get(_ context.Context, path string) (r keystore.Record, err error) {
	err = v.do(func() error {
		var ok bool
		if r, ok = v.records[path]; !ok {
			return keystore.ErrNotFound
		}
		return nil
	})
	return r, err
}

func (v *vault) Put(_ context.Context, path string, r keystore.Record) error {
	return v.do(func() error { v.records[path] = r; return nil })
}

func (v *vault) Create(_ context.Context, path string, r keystore.Record) error {
	return v.do(func() error {
		if _, ok := v.records[path]; ok {
			return keystore.ErrExists
		}
		v.records[path] = r
		return nil
	})
}

func (v *vault) Delete(_ context.Context, path string) error {
	return v.do(func() error { delete(v.records, path); return nil })
}

func (v *vault) List(_ context.Context, prefix string) (paths []string, err error) {
	err = v.do(func() error {
		for path := range v.records {
			if strings.HasPrefix(path, prefix) {
				paths = append(paths, path)
			}
		}
		slices.Sort(paths)
		return nil
	})
	return paths, err
}

// cargoWorld is a world with couriers.
type cargoWorld struct {
	*world
	vault        *vault
	store        *keystore.Keys
	sessions     *handlers.Sessions
	receive      *handlers.ReceiveCargo
	unwrap       *handlers.UnwrapCargo
	collectCargo *handlers.CollectCargo
	passedOver   []string // parcel ids
	// private is theCast().private as a user of couriers.
	private *courierclient.PrivateGateway
}

func newCargoWorld(t testing.TB) *cargoWorld {
	t.Helper()
	w := &cargoWorld{world: newWorld(t), vault: &vault{records: map[string]keystore.Record{}}}
	clock := func() time.Time { return w.now }
	quiet := slog.New(slog.DiscardHandler)
	w.store = keystore.New(w.vault)
	w.sessions = &handlers.Sessions{Keys: w.store, Log: w.log, Now: clock}
	w.receive = &handlers.ReceiveCargo{Identity: issuer{}, Blobs: w.blobs, Log: w.log, Ended: w.del, Logger: quiet, Now: clock}
	w.unwrap = &handlers.UnwrapCargo{
		Sessions: w.sessions, Blobs: w.blobs, Accept: w.accept, Collect: w.collect, Log: w.log, Logger: quiet, Now: clock,
	}
	w.collectCargo = &handlers.CollectCargo{
		Identity: issuer{}, Sessions: w.sessions, Parcels: w.reader, Due: projections.NewAcknowledgements(w.log, clock),
		Blobs: w.blobs, Log: w.log, Claims: new(claims.Local), Building: make(chan struct{}, 2), Reporter: w, Logger: quiet, Now: clock,
	}
	w.private = w.register(theCast().private)
	return w
}

// Undeliverable notes a parcel that was passed over.
func (w *cargoWorld) Undeliverable(_ context.Context, item projections.Item, _ error) {
	w.passedOver = append(w.passedOver, item.Key.ParcelID)
}

// register gives a private gateway a session key bound to it.
func (w *cargoWorld) register(n node) *courierclient.PrivateGateway {
	w.t.Helper()
	key, err := pki.GenerateSessionKey()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.SaveSessionKey(w.t.Context(), theCast().us.id(), n.id(), key); err != nil {
		w.t.Fatal(err)
	}
	public := key.Public()
	p, err := courierclient.NewPrivateGateway(n.key, &registration.Registration{
		NodeCertificate: n.certificate, GatewayCertificate: theCast().us.certificate, InternetAddress: ourAddress, SessionKey: &public,
	}, func() time.Time { return w.now })
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// cargo writes a cargo of private's.
func (w *cargoWorld) cargo(items ...[]byte) []byte {
	w.t.Helper()
	raw, err := w.private.SerializeCargo(w.t.Context(), items...)
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// received has a cargo received and returns the event.
func (w *cargoWorld) received(raw []byte) events.Record {
	w.t.Helper()
	if _, err := w.receive.Receive(w.t.Context(), raw); err != nil {
		w.t.Fatal(err)
	}
	var last events.Record
	for _, r := range w.records(events.StreamCargo) {
		if _, ok := r.Data.(events.CargoReceived); ok {
			last = r
		}
	}
	return last
}

// unwrapped receives and unwraps a cargo with the items, and returns the outcome.
func (w *cargoWorld) unwrapped(items ...[]byte) events.CargoUnwrapped {
	w.t.Helper()
	if err := w.unwrap.Handle(w.t.Context(), w.received(w.cargo(items...))); err != nil {
		w.t.Fatal(err)
	}
	records := w.records(events.StreamCargo)
	outcome, ok := records[len(records)-1].Data.(events.CargoUnwrapped)
	if !ok {
		w.t.Fatalf("outcome: %+v", records[len(records)-1])
	}
	return outcome
}

// cca writes an authorisation of private's.
func (w *cargoWorld) cca() []byte {
	w.t.Helper()
	raw, err := w.private.SerializeCCA(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

// begin starts a collection that ends with the test.
func (w *cargoWorld) begin(cca []byte) *handlers.CargoCollection {
	w.t.Helper()
	c, err := w.collectCargo.Begin(w.t.Context(), cca)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// items returns what is in a collection's cargo, in order.
func (w *cargoWorld) items(c *handlers.CargoCollection) [][]byte {
	w.t.Helper()
	var items [][]byte
	for written, err := range c.Cargoes(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		set, err := w.private.OpenCargo(w.t.Context(), written.Raw)
		if err != nil {
			w.t.Fatal(err)
		}
		items = append(items, set...)
	}
	return items
}

// collected collects and fulfils with a new authorisation, and returns the items.
func (w *cargoWorld) collected() [][]byte {
	w.t.Helper()
	c := w.begin(w.cca())
	defer c.Close()
	items := w.items(c)
	if err := c.Fulfil(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return items
}

func kinds(items [][]byte) []cargo.Kind {
	var all []cargo.Kind
	for _, item := range items {
		all = append(all, cargo.ItemKind(item))
	}
	return all
}

// acknowledgement writes a PCA.
func acknowledgement(t *testing.T, sender, recipient, id string) []byte {
	t.Helper()
	raw, err := cargo.ParcelCollectionAck{SenderID: sender, RecipientID: recipient, ParcelID: id}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// toInternet returns a parcel for another Internet node.
func toInternet(t *testing.T) []byte {
	t.Helper()
	m := message()
	m.Recipient.InternetAddress = "other.example.com"
	return sign(t, m, theCast().sender)
}

// numbered returns a parcel with an id and payload of its own.
func numbered(t *testing.T, id string, payload []byte) []byte {
	t.Helper()
	m := message()
	m.ID, m.Payload = id, payload
	return sign(t, m, theCast().sender)
}

// misaddressed is a sound message for another node than us.
func misaddressed(t *testing.T, w *cargoWorld, kind ramf.Type) []byte {
	t.Helper()
	m := w.private.NewMessage(kind)
	c := theCast()
	m.Recipient.ID = c.private.id()
	m.Sender, m.Attached, m.Payload = c.endpoint.certificate, []*pki.Certificate{c.private.certificate}, []byte("payload")
	return sign(t, m, c.endpoint)
}
