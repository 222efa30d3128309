package interop

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	internetSenders  = 2
	internetInterval = 25 * time.Millisecond
	internetResent   = 0.1 // of the parcels are handed in again
)

// capriciousNames are destinations that behave from well to badly.
var capriciousNames = map[string]float64{"good.example": 0.95, "fair.example": 0.6, "poor.example": 0.25}

// TestDeliveryKill ends the gateway with SIGKILL twenty times in the middle of
// attempts to deliver parcels to nodes that accept, refuse, hang or hang up. Every
// parcel that got a 202 reaches its node, comes to exactly one end, and is not
// posted again after it, though some are handed in again.
func TestDeliveryKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills a gateway twenty times")
	}
	t.Parallel()
	dir, seed := t.TempDir(), rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	load := newDeliveryLoad(t, seed)
	first := process.StartStandalone(t, dir, load.flags...)
	load.from, load.endpoint = newInternetSender(t, first)
	first.Kill()
	for range killRounds {
		load.run(t, process.StartStandalone(t, dir, load.flags...), time.Duration(100+random.IntN(900))*time.Millisecond)
	}
	last := process.StartStandalone(t, dir, load.flags...)
	load.settle(t, last)
	if code, _ := last.Stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	load.audit(t, readHistory(t, dir, events.StreamInternetParcels, events.StreamParked), 0)
	t.Logf("seed %d: %d accepted, %d posts", seed, len(load.accepted), load.receiver.count())
}

// deliveryLoad is a private gateway that writes to other Internet nodes, and those.
type deliveryLoad struct {
	receiver *receiver
	nodes    map[string]*capricious
	flags    []string
	from     *powebclient.PrivateGateway
	endpoint *powebclient.Endpoint

	mu       sync.Mutex
	random   *rand.Rand
	accepted map[string][]byte
	undone   [][]byte // handed in, without an answer
}

func newDeliveryLoad(t *testing.T, seed uint64) *deliveryLoad {
	l := &deliveryLoad{
		nodes: map[string]*capricious{}, random: rand.New(rand.NewPCG(seed, 1)), accepted: map[string][]byte{},
		flags: []string{"--delivery-retry-initial", "200ms", "--delivery-retry-max", "1s"},
	}
	l.receiver = newReceiver(t, func(w http.ResponseWriter, r *http.Request, id string) {
		l.nodes[r.URL.Path[1:]].answer(w, r, func() { l.receiver.accept(w, id) })
	})
	for name, good := range capriciousNames {
		l.nodes[name] = &capricious{random: rand.New(rand.NewPCG(seed, uint64(len(l.nodes)+2))), good: good, patience: 3 * time.Second}
		l.flags = append(l.flags, l.receiver.override(name)...)
	}
	return l
}

func newInternetSender(t testing.TB, gateway site) (*powebclient.PrivateGateway, *powebclient.Endpoint) {
	t.Helper()
	from, err := clientOf(t, gateway).NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := from.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	return from, endpoint
}

// writeToInternet makes a parcel for a node at an Internet address. Who the
// recipient is there does not matter.
func writeToInternet(from *powebclient.Endpoint, address string) ([]byte, error) {
	return from.WriteWith(powebclient.Parcel{
		To: from, InternetAddress: address, TTL: time.Hour, CreatedAt: time.Now().Add(-time.Minute), Payload: make([]byte, 512),
	}, from.Certificate())
}

// run hands in parcels, kills the gateway during an attempt, and waits for the
// senders to notice.
func (l *deliveryLoad) run(t *testing.T, gateway *process.Standalone, after time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var senders sync.WaitGroup
	for range internetSenders {
		senders.Go(func() { l.send(ctx, t, l.from.At(clientOf(t, gateway))) })
	}
	timer := time.NewTimer(after)
	defer timer.Stop()
	<-timer.C
	select {
	case <-l.receiver.arrived: // maybe one from before
		<-l.receiver.arrived
	case <-time.After(10 * time.Second):
		t.Error("no attempt")
	}
	gateway.Kill()
	cancel()
	senders.Wait()
}

// send hands in parcels until the gateway is gone.
func (l *deliveryLoad) send(ctx context.Context, t *testing.T, from *powebclient.PrivateGateway) {
	ticker := time.NewTicker(internetInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		parcel, err := l.next()
		if err != nil {
			t.Errorf("write: %v", err)
			return
		}
		if err := l.hand(ctx, from, parcel); err != nil {
			if status := powebclient.Status(err); status != 0 && status < 500 {
				t.Errorf("refused: %v", err)
			}
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

func (l *deliveryLoad) hand(ctx context.Context, from *powebclient.PrivateGateway, parcel []byte) error {
	err := from.Deliver(ctx, parcel)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.undone = append(l.undone, parcel)
		return err
	}
	l.accepted[parcelID(parcel)] = parcel
	return nil
}

// next returns a parcel that got no answer, one that did, or a new one.
func (l *deliveryLoad) next() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.undone); n > 0 {
		parcel := l.undone[n-1]
		l.undone = l.undone[:n-1]
		return parcel, nil
	}
	if l.random.Float64() < internetResent {
		for _, parcel := range l.accepted {
			return parcel, nil
		}
	}
	which := l.random.IntN(len(l.nodes))
	for name := range l.nodes {
		if which--; which < 0 {
			return writeToInternet(l.endpoint, name)
		}
	}
	return nil, nil
}

// settle hands in what is left, lets the nodes work well, and waits until they have
// accepted everything.
func (l *deliveryLoad) settle(t *testing.T, gateway site) {
	for _, node := range l.nodes {
		node.improve()
	}
	for _, parcel := range l.undone {
		if err := l.hand(t.Context(), l.from.At(clientOf(t, gateway)), parcel); err != nil {
			t.Fatal(err)
		}
	}
	within(t, settledIn, "every parcel has reached its node", func() bool {
		l.receiver.mu.Lock()
		defer l.receiver.mu.Unlock()
		for id := range l.accepted {
			if !l.receiver.accepted[id] {
				return false
			}
		}
		return true
	})
	within(t, settledIn, "every end is recorded", func() bool {
		open := 0
		for _, r := range recorded(t, gateway, events.StreamInternetParcels) {
			switch data := r.Data.(type) {
			case events.InternetParcelAccepted:
				if data.SourceGatewayID == l.from.ID() {
					open++
				}
			case events.InternetParcelDelivered:
				if data.SourceGatewayID == l.from.ID() {
					open--
				}
			}
		}
		return open == 0
	})
}

// audit checks the history: each parcel was accepted once and has one end, and was
// not posted after it, or longer after it than slack.
func (l *deliveryLoad) audit(t *testing.T, records []events.Record, slack time.Duration) {
	t.Helper()
	accepted, ends, parcels := map[string]string{}, map[string]time.Time{}, map[string]int{}
	for _, r := range records {
		switch data := r.Data.(type) {
		case events.InternetParcelAccepted:
			accepted[r.ID] = data.ParcelID
			parcels[data.ParcelID]++
		case events.InternetParcelDelivered:
			if _, again := ends[data.AcceptedID]; again {
				t.Errorf("parcel %s has two ends", data.ParcelID)
			}
			ends[data.AcceptedID] = r.StoredAt
		case events.InternetParcelDeferred:
			if end, ended := ends[data.AcceptedID]; ended && r.StoredAt.After(end.Add(slack)) {
				t.Errorf("parcel %s deferred %v after its end", data.ParcelID, r.StoredAt.Sub(end))
			}
		default:
			t.Errorf("unexpected event: %s %+v", r.Stream, r.Data)
		}
	}
	for id := range l.accepted {
		if parcels[id] != 1 {
			t.Errorf("parcel %s accepted %d times", id, parcels[id])
		}
	}
	for id, parcelID := range accepted {
		end, ended := ends[id]
		if !ended {
			t.Errorf("parcel %s has no end", parcelID)
		}
		for _, at := range l.receiver.times(parcelID) {
			if ended && at.After(end.Add(slack)) {
				t.Errorf("parcel %s posted %v after its end", parcelID, at.Sub(end))
			}
		}
	}
}
