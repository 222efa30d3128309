package interop

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	killRounds     = 20
	killRecipients = 3
	killSenders    = 8
)

// TestKill ends the gateway with SIGKILL under load at twenty random moments,
// on the same data, and then accounts for every parcel: each one that got a 202
// was collected, and none came again after its acknowledgement.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills a gateway twenty times")
	}
	t.Parallel()
	dir, seed := t.TempDir(), rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	load := newKillLoad(t, process.StartStandalone(t, dir))
	for range killRounds {
		gateway := process.StartStandalone(t, dir)
		load.run(t, gateway, time.Duration(200+random.IntN(1300))*time.Millisecond)
	}
	last := process.StartStandalone(t, dir)
	load.collectAll(t, last)
	load.account(t, seed)
}

// killLoad is what the clients of a gateway that is killed remember.
type killLoad struct {
	gateways  []*powebclient.PrivateGateway // recipients; the first also sends
	endpoints []*powebclient.Endpoint
	sender    *powebclient.Endpoint

	mu        sync.Mutex
	accepted  map[string]bool // ids that got a 202
	received  map[string]int  // ids that came, and how often
	confirmed map[string]bool // ids whose acknowledgement is known to be kept
	late      []string        // ids that came although confirmed
}

// newKillLoad registers the peers, then stops the gateway.
func newKillLoad(t *testing.T, gateway *process.Standalone) *killLoad {
	l := &killLoad{accepted: map[string]bool{}, received: map[string]int{}, confirmed: map[string]bool{}}
	for range killRecipients {
		peer, err := clientOf(t, gateway).NewPrivateGateway(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		endpoint, err := peer.NewEndpoint()
		if err != nil {
			t.Fatal(err)
		}
		l.gateways, l.endpoints = append(l.gateways, peer), append(l.endpoints, endpoint)
	}
	sender, err := l.gateways[0].NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	l.sender = sender
	gateway.Kill()
	return l
}

// run puts load on the gateway, kills it after a while, and waits for the
// clients to notice.
func (l *killLoad) run(t *testing.T, gateway *process.Standalone, after time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for i := range killSenders {
		clients.Go(func() { l.send(ctx, t, gateway, i%2 == 0) })
	}
	for _, peer := range l.gateways {
		clients.Go(func() {
			// It ends with the gateway.
			_ = l.collect(ctx, peer.At(clientOf(t, gateway)), powebclient.KeepAlive)
		})
	}
	kill := time.AfterFunc(after, func() {
		gateway.Kill()
		cancel()
	})
	defer kill.Stop()
	clients.Wait()
}

// send delivers new parcels until the gateway is gone.
func (l *killLoad) send(ctx context.Context, t *testing.T, gateway *process.Standalone, byPoWeb bool) {
	peer := l.gateways[0].At(clientOf(t, gateway))
	for n := 0; ctx.Err() == nil; n++ {
		parcel, err := l.sender.Write(powebclient.Parcel{
			To: l.endpoints[n%len(l.endpoints)], TTL: time.Hour, CreatedAt: time.Now().Add(-time.Second), Payload: make([]byte, 512),
		})
		if err != nil {
			t.Errorf("write: %v", err)
			return
		}
		if byPoWeb {
			err = peer.Deliver(ctx, parcel)
		} else {
			err = powebclient.DeliverByPoHTTP(ctx, http.DefaultClient, gateway.URL("pohttp"), parcel)
		}
		if status := powebclient.Status(err); status != 0 && ctx.Err() == nil && status < 500 {
			t.Errorf("refused: %v", err)
		}
		if err != nil {
			return
		}
		l.mu.Lock()
		l.accepted[parcelID(parcel)] = true
		l.mu.Unlock()
	}
}

// collect receives and acknowledges until the collection ends.
func (l *killLoad) collect(ctx context.Context, peer *powebclient.PrivateGateway, mode powebclient.Mode) error {
	collection, err := peer.Collect(ctx, mode)
	if err != nil {
		return err
	}
	defer collection.Close()
	previous := ""
	for {
		delivery, err := collection.Next(ctx)
		if err == nil || errors.Is(err, io.EOF) {
			// One delivery is in flight at a time: whatever comes next says that
			// the acknowledgement before it is kept.
			l.confirm(previous)
		}
		if err != nil {
			return err
		}
		previous = l.receive(delivery.Parcel)
		if err := delivery.Acknowledge(ctx); err != nil {
			return err
		}
	}
}

func (l *killLoad) receive(parcel []byte) (id string) {
	id = parcelID(parcel)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received[id]++
	if l.confirmed[id] {
		l.late = append(l.late, id)
	}
	return id
}

func (l *killLoad) confirm(id string) {
	if id == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.confirmed[id] = true
}

// collectAll empties every mailbox, twice: the second time nothing may be left.
func (l *killLoad) collectAll(t *testing.T, gateway *process.Standalone) {
	for range 2 {
		for _, peer := range l.gateways {
			if err := l.collect(t.Context(), peer.At(clientOf(t, gateway)), powebclient.CloseUponCompletion); !errors.Is(err, io.EOF) {
				t.Errorf("collect: %v", err)
			}
		}
	}
}

func (l *killLoad) account(t *testing.T, seed uint64) {
	missing, repeated := 0, 0
	for id := range l.accepted {
		if l.received[id] == 0 {
			missing++
		}
	}
	for _, n := range l.received {
		repeated += n - 1
	}
	t.Logf("seed %d: %d accepted, %d received, %d came again before their acknowledgement was kept",
		seed, len(l.accepted), len(l.received), repeated)
	if len(l.accepted) == 0 {
		t.Error("no parcel was accepted: the test shows nothing")
	}
	if missing > 0 {
		t.Errorf("%d accepted parcels were never collected", missing)
	}
	if len(l.late) > 0 {
		t.Errorf("%d parcels came after their acknowledgement was kept: %v", len(l.late), l.late)
	}
}

// parcelID returns the message id of a serialised parcel, or "" when it cannot
// be read.
func parcelID(parcel []byte) string {
	message, err := ramf.Parse(parcel)
	if err != nil {
		return ""
	}
	return message.ID
}

func clientOf(t *testing.T, gateway *process.Standalone) *powebclient.Client {
	t.Helper()
	client, err := powebclient.New(gateway.URL("poweb"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
