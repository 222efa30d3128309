package delivery_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var discard = slog.New(slog.DiscardHandler)

// storedParcel is a parcel that is valid in all tests.
var storedParcel = sync.OnceValue(func() []byte {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		panic(err)
	}
	sender, err := pki.IssueEndpoint(pki.IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key, NotBefore: today.AddDate(-1, 0, 0), NotAfter: today.AddDate(1, 0, 0),
	})
	if err != nil {
		panic(err)
	}
	raw, err := (&ramf.Message{
		Type: ramf.TypeParcel, Recipient: ramf.Recipient{ID: "0" + strings.Repeat("a", 64), InternetAddress: "a.test"},
		ID: "one", CreatedAt: today.AddDate(0, 0, -1), TTL: 100 * 24 * time.Hour, Payload: []byte("hello"), Sender: sender,
	}).Sign(key)
	if err != nil {
		panic(err)
	}
	return raw
})

// world is a history in memory, with a clock and the effects of deliveries.
type world struct {
	mu      sync.Mutex
	now     time.Time
	records []events.Record
	taken   map[string]time.Time // event ids, and when they were stored

	// crash, if set, is what becomes of the next append: its answer is lost, and
	// the process dies.
	crash       func()
	crashStored bool

	// real makes the clock time.Now, and appended, if set, is told of records.
	real     bool
	appended chan struct{}
}

func newWorld() *world { return &world{now: today, taken: map[string]time.Time{}} }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.real {
		return time.Now()
	}
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// window is that of the stream INTERNET_PARCELS.
const window = 10 * time.Minute

// Append records as JetStream does, with its deduplication window.
func (w *world) Append(_ context.Context, e events.Event) (events.Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crash != nil {
		crash := w.crash
		w.crash = nil
		crash()
		if !w.crashStored {
			return events.Position{}, errors.New("lost")
		}
		w.store(e)
		return events.Position{}, errors.New("stored, but the answer is lost")
	}
	return w.store(e), nil
}

// LastSequence is where the last record on the subject is.
func (w *world) LastSequence(_ context.Context, _, subject string) (last uint64, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.records {
		if r.Subject == subject {
			last = r.Sequence
		}
	}
	return last, nil
}

func (w *world) store(e events.Event) events.Position {
	if at, ok := w.taken[e.ID]; ok && w.now.Sub(at) < window {
		for i := len(w.records) - 1; i >= 0; i-- {
			if w.records[i].ID == e.ID {
				return events.Position{Sequence: w.records[i].Sequence, Duplicate: true}
			}
		}
	}
	w.taken[e.ID] = w.now
	r := events.Record{
		Event: e, Stream: events.StreamInternetParcels, Sequence: uint64(len(w.records) + 1), Subject: e.Data.Channel(), StoredAt: w.now,
	}
	w.records = append(w.records, r)
	if w.appended != nil {
		select {
		case w.appended <- struct{}{}:
		default:
		}
	}
	return events.Position{Stream: r.Stream, Sequence: r.Sequence}
}

func (w *world) since(position uint64) []events.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]events.Record(nil), w.records[position:]...)
}

// Get returns the parcel, whatever its key.
func (*world) Get(context.Context, string) ([]byte, blobs.Meta, error) {
	return storedParcel(), blobs.Meta{}, nil
}

// Delete does nothing.
func (*world) Delete(context.Context, string) error { return nil }

// Park does nothing.
func (*world) Park(context.Context, jetstream.Delivery, error) error { return nil }

// storedDigest is that of storedParcel.
var storedDigest = sync.OnceValue(func() string {
	sum := sha256.Sum256(storedParcel())
	return hex.EncodeToString(sum[:])
})

// accept records a parcel.
func (w *world) accept(n int, destination string, ttl time.Duration) events.Event {
	return w.acceptDated(n, destination, w.clock(), ttl)
}

// acceptDated records a parcel that is dated so.
func (w *world) acceptDated(n int, destination string, createdAt time.Time, ttl time.Duration) events.Event {
	data := events.InternetParcelAccepted{
		ParcelKey: events.ParcelKey{SenderID: "0a", RecipientID: "0b", ParcelID: fmt.Sprint(n)},
		ParcelBlob: events.ParcelBlob{
			BlobKey: fmt.Sprint("blob/", n), SHA256: storedDigest(), Size: 1000, CreatedAt: createdAt, ExpiresAt: createdAt.Add(ttl),
		},
		Destination: destination, SourceGatewayID: "0c", Via: events.ViaPoWeb,
	}
	e := events.New(fmt.Sprintf("accepted-%06d", n), "poweb", w.clock(), data)
	if _, err := w.Append(context.Background(), e); err != nil {
		panic(err)
	}
	return e
}

var policy = handlers.RetryPolicy{
	Initial: 30 * time.Second, Max: time.Hour, Horizon: 24 * time.Hour, Random: func() float64 { return 0.5 },
}

// worker is a process with the delivery role.
type worker struct {
	world    *world
	queue    *delivery.Queue
	follower *delivery.Follower
	handler  *handlers.DeliverParcel
	position uint64
}

// projected is the projections as they are after some records.
type projected struct {
	checkpoint   uint64
	deliveries   map[string]projections.Stored[projections.Delivery]
	destinations map[string]projections.Stored[projections.Destination]
}

// project folds all records; the checkpoint is behind by so many.
func (w *world) project(behind uint64) *projected {
	p := &projected{
		deliveries:   map[string]projections.Stored[projections.Delivery]{},
		destinations: map[string]projections.Stored[projections.Destination]{},
	}
	for _, r := range w.since(0) {
		if id, ok := (projections.Deliveries{}).DocumentID(r); ok {
			s := p.deliveries[id]
			if (projections.Deliveries{}).Fold(&s.State, r) {
				s.Position = r.Sequence
				p.deliveries[id] = s
			}
		}
		if id, ok := (projections.Destinations{}).DocumentID(r); ok {
			s := p.destinations[id]
			if (projections.Destinations{}).Fold(&s.State, r) {
				s.Position = r.Sequence
				p.destinations[id] = s
			}
		}
		p.checkpoint = r.Sequence
	}
	p.checkpoint -= min(behind, p.checkpoint)
	return p
}

func (p *projected) Checkpoint(context.Context) (uint64, error) { return p.checkpoint, nil }

func (p *projected) Get(_ context.Context, ids []string) (map[string]projections.Stored[projections.Delivery], error) {
	found := map[string]projections.Stored[projections.Delivery]{}
	for _, id := range ids {
		if s, ok := p.deliveries[id]; ok {
			found[id] = s
		}
	}
	return found, nil
}

func (p *projected) Open(_ context.Context, yield func(projections.Stored[projections.Delivery]) error) error {
	for _, s := range p.deliveries {
		if s.State.State.Open() {
			if err := yield(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *projected) Destinations(_ context.Context, yield func(projections.Stored[projections.Destination]) error) error {
	for _, s := range p.destinations {
		if err := yield(s); err != nil {
			return err
		}
	}
	return nil
}

// postman answers as a function says.
type postman func(ctx context.Context, address string, parcel []byte) pohttp.Result

// Deliver calls the function.
func (p postman) Deliver(ctx context.Context, address string, parcel []byte) pohttp.Result {
	return p(ctx, address, parcel)
}

// startWorker starts a worker from the projections, whose checkpoint is behind.
func (w *world) startWorker(p postman, limits delivery.Limits, behind uint64) *worker {
	store := w.project(behind)
	q := delivery.NewQueue(policy, limits, nil)
	k := &worker{
		world: w, queue: q,
		follower: &delivery.Follower{Queue: q, Store: store, Parker: w, Blobs: w, Logger: discard, Now: w.clock},
		handler: &handlers.DeliverParcel{
			Blobs: w, Postman: p, Log: w, Retry: policy, Logger: discard, Now: w.clock,
		},
	}
	from, err := k.follower.Load(context.Background())
	if err != nil {
		panic(err)
	}
	k.position = from - 1
	k.catchUp()
	return k
}

// catchUp brings the worker to the end of the history.
func (k *worker) catchUp() {
	records := k.world.since(k.position)
	k.position += uint64(len(records))
	err := k.follower.Handle(context.Background(), jetstream.Batch{Records: records, CaughtUp: true})
	if err != nil {
		panic(err)
	}
}

// ended tells whether the end of a parcel is recorded.
func (w *world) ended(acceptedID string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ended := w.taken[events.InternetParcelEndID(acceptedID)]
	return ended
}
