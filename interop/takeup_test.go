package interop

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/upkeep"
)

const (
	// takeUpWithin is how long after a process was killed another must have done what
	// it had in hand.
	takeUpWithin = 20 * time.Second

	nodesNamed     = 20
	cargoesInHand  = 16
	parcelsInHand  = 100
	parcelsInCargo = 10
)

// takeUp kills one of each pair while it has work in hand, and measures when the other
// has done it.
func (w *endToEnd) takeUp(t *testing.T) {
	for _, c := range []struct {
		role string
		do   func(t *testing.T, victim int) (killed time.Time)
	}{
		{"worker cargo", w.takeUpCargo},
		{"worker delivery", w.takeUpDeliveries},
		{"worker projections", w.takeUpProjections},
		{"worker housekeeping", w.takeUpBlobs},
		{"cogrpc", w.takeUpCollection},
	} {
		t.Run(c.role, func(t *testing.T) {
			for victim := range pair {
				killed := c.do(t, victim)
				took := time.Since(killed)
				t.Logf("%s %d killed: taken up after %v", c.role, victim, took.Round(10*time.Millisecond))
				if took > takeUpWithin {
					t.Errorf("taken up after %v, want %v", took, takeUpWithin)
				}
				w.start(c.role, victim)
			}
		})
	}
}

// killNow kills one of a pair.
func (w *endToEnd) killNow(role string, victim int) time.Time {
	w.kill(role, victim)
	return time.Now()
}

// takeUpCargo kills a worker that unwraps cargo.
func (w *endToEnd) takeUpCargo(t *testing.T, victim int) time.Time {
	from, to, courier := newOffline(t, w), newOffline(t, w), newCourier(t, w)
	route := newCorrespondence(t, from, to)
	cargoes := make([][]byte, cargoesInHand)
	for i := range cargoes {
		parcels := make([][]byte, parcelsInCargo)
		for j := range parcels {
			parcels[j] = mustWrite(t, func() ([]byte, error) { return route.write(512) })
		}
		cargoes[i] = mustWrite(t, func() ([]byte, error) { return from.SerializeCargo(t.Context(), parcels...) })
	}
	if _, err := courier.Deliver(t.Context(), cargoes...); err != nil {
		t.Fatal(err)
	}
	killed := w.killNow("worker cargo", victim)
	awaitOutcomes(t, w)
	return killed
}

func mustWrite(t *testing.T, write func() ([]byte, error)) []byte {
	t.Helper()
	raw, err := write()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// manyNodes are Internet nodes that keep clients waiting until they are told to go on.
type manyNodes struct {
	*receiver
	open chan struct{} // closed to go on; guarded by the receiver's mu
}

func newManyNodes(t *testing.T) *manyNodes {
	m := &manyNodes{open: make(chan struct{})}
	m.receiver = newReceiver(t, func(rw http.ResponseWriter, r *http.Request, id string) {
		select {
		case <-m.gate():
			m.accept(rw, id)
		case <-r.Context().Done():
		}
	})
	return m
}

func (m *manyNodes) gate() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// shut keeps clients waiting until what it returns is called.
func (m *manyNodes) shut() (goOn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = make(chan struct{})
	return sync.OnceFunc(func() { close(m.gate()) })
}

func nodeName(n int) string { return fmt.Sprintf("node%d.example", n) }

// flags pin the nodes' names.
func (m *manyNodes) flags() (flags []string) {
	for n := range nodesNamed {
		flags = append(flags, m.override(nodeName(n))...)
	}
	return flags
}

// takeUpDeliveries kills a worker that is delivering to about half of the nodes.
func (w *endToEnd) takeUpDeliveries(t *testing.T, victim int) time.Time {
	m := w.many
	goOn := m.shut()
	from, endpoint := newInternetSender(t, w)
	ids := make([]string, nodesNamed)
	for n := range ids {
		parcel := mustWrite(t, func() ([]byte, error) { return writeToInternet(endpoint, nodeName(n)) })
		if err := from.Deliver(t.Context(), parcel); err != nil {
			t.Fatal(err)
		}
		ids[n] = parcelID(parcel)
	}
	within(t, takeUpWithin, "every parcel is on its way", func() bool {
		for _, id := range ids {
			if len(m.times(id)) == 0 {
				return false
			}
		}
		return true
	})
	killed := w.killNow("worker delivery", victim)
	goOn()
	within(t, 2*takeUpWithin, "every node has its parcel", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, id := range ids {
			if !m.accepted[id] {
				return false
			}
		}
		return true
	})
	again := 0
	for _, id := range ids {
		again += len(m.times(id)) - 1
	}
	t.Logf("%d of %d parcels were in the hands of the one that was killed", again, len(ids))
	return killed
}

// takeUpProjections kills a worker, which is the one that folds, or it is the next.
func (w *endToEnd) takeUpProjections(t *testing.T, victim int) time.Time {
	killed := w.killNow("worker projections", victim)
	if err := w.mail.sendOne(t.Context(), t, w, w.mail.gateways[0].At(clientOf(t, w)), 0, true); err != nil {
		t.Fatal(err)
	}
	client, err := upkeep.NewClient(w.process("worker projections", 1-victim).URL("admin"), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	within(t, 2*takeUpWithin, "the parcel is in the mailbox", func() bool {
		status, err := client.Projection(t.Context(), "mailbox")
		if err != nil {
			t.Fatal(err)
		}
		if last == 0 {
			last = status.Last
		}
		return status.Checkpoint >= last
	})
	w.mail.collectAll(t, w)
	return killed
}

// takeUpBlobs kills a worker that deletes the blobs of parcels that were collected.
func (w *endToEnd) takeUpBlobs(t *testing.T, victim int) time.Time {
	peer := w.mail.gateways[0].At(clientOf(t, w))
	for n := range parcelsInHand {
		if err := w.mail.sendOne(t.Context(), t, w, peer, n, true); err != nil {
			t.Fatal(err)
		}
	}
	w.mail.collectAll(t, w)
	killed := w.killNow("worker housekeeping", victim)
	w.awaitDeletion(t, w.readBooks(t))
	return killed
}

var errGone = errors.New("the courier has lost its server")

// takeUpCollection kills a server in the middle of a collection, which goes on at the
// other with the same authorisation.
func (w *endToEnd) takeUpCollection(t *testing.T, victim int) time.Time {
	from, to := newOffline(t, w), newOffline(t, w)
	route := newCorrespondence(t, from, to)
	parcel := mustWrite(t, func() ([]byte, error) { return route.write(512) })
	if err := from.online.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	cca, err := to.SerializeCCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var killed time.Time
	collect := func(courier *courierclient.Courier, each func([]byte) error) error {
		return courier.Collect(t.Context(), cca, each)
	}
	err = collect(newCourier(t, w.process("cogrpc", victim)), func([]byte) error {
		killed = w.killNow("cogrpc", victim)
		return errGone
	})
	if !errors.Is(err, errGone) {
		t.Fatalf("collect: %v", err)
	}
	courier, parcels := newCourier(t, w), 0
	within(t, 2*takeUpWithin, "the collection is repeated", func() bool {
		sleepFor(t.Context(), chaosPace)
		return collect(courier, func(raw []byte) error {
			items, err := to.OpenCargo(t.Context(), raw)
			for _, item := range items {
				if cargo.ItemKind(item) == cargo.KindParcel {
					parcels++
				}
			}
			return err
		}) == nil
	})
	if parcels != 1 {
		t.Errorf("%d parcels came, want 1", parcels)
	}
	w.finish(t, to)
	return killed
}

// finish collects what waits for a private gateway by PoWeb.
func (w *endToEnd) finish(t *testing.T, o offline) {
	l := newLedger()
	if err := l.collect(t.Context(), o.online.At(clientOf(t, w)), powebclient.CloseUponCompletion); err == nil {
		t.Error("the collection did not end")
	}
}
