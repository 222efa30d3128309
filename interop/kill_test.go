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

// killLoad is the clients of a gateway that is killed.
type killLoad struct {
	*ledger
	gateways  []*powebclient.PrivateGateway // recipients; the first also sends
	endpoints []*powebclient.Endpoint
	sender    *powebclient.Endpoint
}

// newKillLoad registers the peers, then stops the gateway.
func newKillLoad(t *testing.T, gateway *process.Standalone) *killLoad {
	l := &killLoad{ledger: newLedger()}
	defer gateway.Kill()
	l.register(t, gateway)
	return l
}

func (l *killLoad) register(t *testing.T, gateway site) {
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
func (l *killLoad) send(ctx context.Context, t *testing.T, gateway site, byPoWeb bool) {
	peer := l.gateways[0].At(clientOf(t, gateway))
	for n := 0; ctx.Err() == nil; n++ {
		if err := l.sendOne(ctx, t, gateway, peer, n, byPoWeb); err != nil {
			return
		}
	}
}

// sendOne delivers a new parcel to one of the recipients.
func (l *killLoad) sendOne(ctx context.Context, t *testing.T, gateway site, peer *powebclient.PrivateGateway, n int, byPoWeb bool) error {
	parcel, err := l.sender.Write(powebclient.Parcel{
		To: l.endpoints[n%len(l.endpoints)], TTL: time.Hour, CreatedAt: time.Now().Add(-time.Second), Payload: make([]byte, 512),
	})
	if err != nil {
		t.Errorf("write: %v", err)
		return err
	}
	if byPoWeb {
		err = peer.Deliver(ctx, parcel)
	} else {
		err = powebclient.DeliverByPoHTTP(ctx, http.DefaultClient, gateway.URL("pohttp"), parcel)
	}
	if status := powebclient.Status(err); status != 0 && ctx.Err() == nil && status < 500 {
		t.Errorf("refused: %v", err)
	}
	if err == nil {
		l.accept(parcelID(parcel))
	}
	return err
}

// collectAll empties every mailbox, twice: the second time nothing may be left.
func (l *killLoad) collectAll(t *testing.T, gateway site) {
	for range 2 {
		for _, peer := range l.gateways {
			if err := l.collect(t.Context(), peer.At(clientOf(t, gateway)), powebclient.CloseUponCompletion); !errors.Is(err, io.EOF) {
				t.Errorf("collect: %v", err)
			}
		}
	}
}

func clientOf(t testing.TB, gateway site) *powebclient.Client {
	t.Helper()
	client, err := powebclient.New(gateway.URL("poweb"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
