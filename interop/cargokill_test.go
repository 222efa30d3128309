package interop

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	cargoCouriers = 2
	cargoParcels  = 6
	cargoInterval = 80 * time.Millisecond
	cargoResent   = 0.25 // of the parcels are sent again in another cargo
	cargoRepeated = 0.1  // of the cargoes are delivered again
)

// TestCargoKill ends the gateway with SIGKILL twenty times while couriers deliver
// cargo and collect it, and recipients collect by PoWeb. Couriers deliver again
// what was not acknowledged, some of what was, and private gateways send parcels
// again: every parcel of an acknowledged cargo arrives, is queued once, and does
// not come again once its acknowledgement is kept. A broken collection goes on
// with the same authorisation.
func TestCargoKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills a gateway twenty times")
	}
	t.Parallel()
	dir, seed := t.TempDir(), rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	first := process.StartStandalone(t, dir)
	load := newCargoLoad(t, first, seed)
	first.Kill()
	for range killRounds {
		gateway := process.StartStandalone(t, dir)
		load.run(t, gateway, time.Duration(100+random.IntN(900))*time.Millisecond)
	}
	last := process.StartStandalone(t, dir)
	load.settle(t, last)
	if code, _ := last.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	load.account(t, seed)
	load.audit(t, readHistory(t, dir, events.StreamCargo, events.StreamGatewayParcels, events.StreamParked), 0)
}

// cargoLoad is a private gateway that sends by courier, others that receive, two
// by PoWeb and one by courier, and the couriers.
type cargoLoad struct {
	*ledger
	sender offline
	online []offline
	remote *remoteCollector
	routes []correspondence

	mu        sync.Mutex
	random    *rand.Rand
	undone    []sentCargo // not acknowledged
	done      []sentCargo
	lastParts [][]byte // parcels of acknowledged cargo

	acked map[string]bool // the sender has a PCA for them
}

// sentCargo is a cargo and the parcels in it.
type sentCargo struct {
	raw     []byte
	parcels [][]byte
}

func newCargoLoad(t *testing.T, gateway site, seed uint64) *cargoLoad {
	l := &cargoLoad{ledger: newLedger(), acked: map[string]bool{}, random: rand.New(rand.NewPCG(seed, 1)), sender: newOffline(t, gateway)}
	l.online = []offline{newOffline(t, gateway), newOffline(t, gateway)}
	l.remote = &remoteCollector{offline: newOffline(t, gateway), ledger: l.ledger, began: map[string][]time.Time{}}
	for _, recipient := range append([]offline{l.remote.offline}, l.online...) {
		l.routes = append(l.routes, newCorrespondence(t, l.sender, recipient))
	}
	return l
}

// run puts load on the gateway, kills it after a while, and waits for the clients
// to notice.
func (l *cargoLoad) run(t *testing.T, gateway *process.Standalone, after time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for range cargoCouriers {
		clients.Go(func() { l.deliver(ctx, t, gateway) })
	}
	l.collectAll(ctx, t, gateway, &clients)
	kill := time.AfterFunc(after, func() {
		gateway.Kill()
		cancel()
	})
	defer kill.Stop()
	clients.Wait()
}

// collectAll starts to collect everything, again and again, until ctx ends.
func (l *cargoLoad) collectAll(ctx context.Context, t *testing.T, gateway site, clients *sync.WaitGroup) {
	for _, recipient := range l.online {
		clients.Go(func() {
			for ctx.Err() == nil {
				// It ends with the server.
				_ = l.collect(ctx, recipient.online.At(clientOf(t, gateway)), powebclient.KeepAlive)
				sleepFor(ctx, cargoInterval)
			}
		})
	}
	courier := newCourier(t, gateway)
	clients.Go(func() {
		defer courier.Close()
		l.remote.run(ctx, t, courier)
	})
}

// deliver carries cargo until the gateway is gone.
func (l *cargoLoad) deliver(ctx context.Context, t *testing.T, gateway site) {
	courier := newCourier(t, gateway)
	defer courier.Close()
	ticker := time.NewTicker(cargoInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		c, err := l.next(ctx)
		if err != nil {
			t.Errorf("write a cargo: %v", err)
			return
		}
		if err := l.hand(ctx, courier, c); err != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// hand delivers a cargo, and remembers whether it was acknowledged.
func (l *cargoLoad) hand(ctx context.Context, courier *courierclient.Courier, c sentCargo) error {
	_, err := courier.Deliver(ctx, c.raw)
	if err == nil {
		for _, parcel := range c.parcels {
			l.accept(parcelID(parcel))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.undone = append(l.undone, c)
		return err
	}
	l.done, l.lastParts = append(l.done, c), append(l.lastParts, c.parcels...)
	return nil
}

// next returns a cargo to deliver: one that was not acknowledged, now and then one
// that was, or a new one.
func (l *cargoLoad) next(ctx context.Context) (sentCargo, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.undone); n > 0 {
		c := l.undone[n-1]
		l.undone = l.undone[:n-1]
		return c, nil
	}
	if n := len(l.done); n > 0 && l.random.Float64() < cargoRepeated {
		return l.done[l.random.IntN(n)], nil
	}
	var c sentCargo
	for i := range cargoParcels {
		parcel, err := l.parcel(i)
		if err != nil {
			return c, err
		}
		c.parcels = append(c.parcels, parcel)
	}
	var err error
	c.raw, err = l.sender.SerializeCargo(ctx, c.parcels...)
	return c, err
}

// parcel returns one that was sent before or a new one.
func (l *cargoLoad) parcel(i int) ([]byte, error) {
	if n := len(l.lastParts); n > 0 && l.random.Float64() < cargoResent {
		return l.lastParts[l.random.IntN(n)], nil
	}
	return l.routes[i%len(l.routes)].write(512)
}

// settle delivers what is left, collects until everything has come, and shows that
// nothing is left.
func (l *cargoLoad) settle(t *testing.T, gateway site) {
	courier := newCourier(t, gateway)
	within(t, settledIn, "every cargo is delivered", func() bool {
		again := l.undone
		l.undone = nil
		for _, c := range again {
			if err := l.hand(t.Context(), courier, c); err != nil {
				t.Logf("deliver again: %v", err)
			}
		}
		return len(l.undone) == 0
	})
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	l.collectAll(ctx, t, gateway, &clients)
	within(t, settledIn, "every parcel is collected", func() bool { return l.missing() == 0 })
	within(t, settledIn, "every acknowledgement is delivered", l.remote.idle)
	cancel()
	clients.Wait()
	for range 2 {
		for _, recipient := range l.online {
			if err := l.collect(t.Context(), recipient.online.At(clientOf(t, gateway)), powebclient.CloseUponCompletion); !errors.Is(err, io.EOF) {
				t.Errorf("collect: %v", err)
			}
		}
	}
	within(t, settledIn, "nothing is left for the courier", func() bool {
		return len(collectItems(t, courier, l.remote.offline)[cargo.KindParcel]) == 0
	})
	awaitOutcomes(t, gateway)
	l.acknowledged(t, courier)
}

// acknowledged shows that the sender learns of every parcel that it sent.
func (l *cargoLoad) acknowledged(t *testing.T, courier *courierclient.Courier) {
	for _, item := range collectItems(t, courier, l.sender)[cargo.KindParcelCollectionAck] {
		ack, err := cargo.ParseParcelCollectionAck(item)
		if err != nil {
			t.Fatal(err)
		}
		l.acked[ack.ParcelID] = true
	}
	missing := 0
	for id := range l.accepted {
		if !l.acked[id] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("the sender gets no acknowledgement for %d of %d parcels", missing, len(l.accepted))
	}
}

// collectItems returns the items that a courier collects, by kind.
func collectItems(t testing.TB, courier *courierclient.Courier, o offline) map[cargo.Kind][][]byte {
	t.Helper()
	cca, err := o.SerializeCCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	items := map[cargo.Kind][][]byte{}
	err = courier.Collect(t.Context(), cca, func(raw []byte) error {
		set, err := o.OpenCargo(t.Context(), raw)
		for _, item := range set {
			items[cargo.ItemKind(item)] = append(items[cargo.ItemKind(item)], item)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// remoteCollector is a private gateway that gets its parcels by courier, and
// acknowledges them by courier.
type remoteCollector struct {
	offline
	*ledger

	cca  []byte   // to be used again until the courier is through with it
	acks [][]byte // not delivered yet

	mu      sync.Mutex
	began   map[string][]time.Time // by parcel: when each collection that held it began
	pending bool
}

// run collects and acknowledges until ctx ends.
func (r *remoteCollector) run(ctx context.Context, t *testing.T, courier *courierclient.Courier) {
	ticker := time.NewTicker(cargoInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := r.turn(ctx, courier); err != nil {
			if code := status.Code(err); ctx.Err() == nil && code != codes.Unavailable {
				t.Errorf("collect by courier: %v", err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// turn is one visit of the courier.
func (r *remoteCollector) turn(ctx context.Context, courier *courierclient.Courier) (err error) {
	if r.cca == nil {
		if r.cca, err = r.SerializeCCA(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	err = courier.Collect(ctx, r.cca, func(raw []byte) error { return r.take(ctx, raw, began) })
	if err == nil || status.Code(err) == codes.PermissionDenied {
		// Used up now, or when a call that broke was over.
		r.cca = nil
	} else {
		return err
	}
	if len(r.acks) == 0 {
		return nil
	}
	if err := deliverCargo(ctx, courier, r.offline, r.acks...); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acks, r.pending = nil, false
	return nil
}

func (r *remoteCollector) take(ctx context.Context, raw []byte, began time.Time) error {
	items, err := r.OpenCargo(ctx, raw)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range items {
		if cargo.ItemKind(item) != cargo.KindParcel {
			continue
		}
		ack, err := courierclient.Acknowledgement(item)
		if err != nil {
			return err
		}
		id := r.receive(item)
		r.began[id] = append(r.began[id], began)
		r.acks, r.pending = append(r.acks, ack), true
	}
	return nil
}

// idle tells whether every acknowledgement was delivered.
func (r *remoteCollector) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.pending
}
