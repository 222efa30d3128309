package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/servicestest"
)

const (
	// chaosKills is how many processes are killed at random, natsKill and natsRevive
	// after how many of them a NATS server is killed, and is started again.
	chaosKills           = 12
	natsKill, natsRevive = 5, 8
	// chaosPace is the time from one request of a client to its next, at least.
	chaosPace = 750 * time.Millisecond
	// replicaSlack is how long after a parcel's end it may be handed out by a process
	// that does not know of it yet, or by two that both think it theirs.
	replicaSlack = 10 * time.Second
)

// TestEndToEnd runs two processes of each role on a NATS cluster, an S3 server, MongoDB's
// wire protocol and Vault. The real clients use the pair while processes are killed in
// between; then traffic goes through it while processes are killed at random, and one
// NATS server with them; then all are restarted one after the other, and nobody notices.
// In the end every parcel that was accepted was handed out, or is queued, and history,
// projections, blobs and services are in order.
//
// `go tool task e2e` starts the services and runs it. It is not part of `test`.
func TestEndToEnd(t *testing.T) {
	servicestest.Env(t, "VAULT_ADDR")
	w := newEndToEnd(t)
	for _, phase := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"clients", w.clients},
		{"killed at random", w.chaos},
		{"rolling restart", w.roll},
		{"taken up", w.takeUp},
		{"books", w.books},
	} {
		began := time.Now()
		ok := t.Run(phase.name, phase.run)
		t.Logf("%s: %v", phase.name, time.Since(began).Round(time.Second))
		if !ok {
			t.Logf("the gateway said, at last:\n%s", w.Log())
			return
		}
	}
}

// endToEnd is the gateway and its clients.
type endToEnd struct {
	*replicas
	seed     uint64
	random   *rand.Rand
	receiver string // the port of the Internet node of the real clients

	began time.Time // the first traffic
	mail  *killLoad
	cargo *cargoLoad
	post  *deliveryLoad
	many  *manyNodes
}

func newEndToEnd(t *testing.T) *endToEnd {
	w := &endToEnd{seed: rand.Uint64(), receiver: freePort(t)}
	w.random = rand.New(rand.NewPCG(w.seed, 0))
	w.post, w.many = newDeliveryLoad(t, w.seed), newManyNodes(t)
	t.Logf("seed %d", w.seed)
	flags := slices.Concat([]string{"--pdc-override", "receiver.example=http://127.0.0.1:" + w.receiver}, w.post.flags, w.many.flags())
	w.replicas = newReplicas(t, map[string]string{"internet-address": internetAddress}, map[string][]string{"worker delivery": flags})
	w.mail = &killLoad{ledger: newLedger()}
	w.mail.register(t, w)
	w.cargo = newCargoLoad(t, w, w.seed)
	w.post.from, w.post.endpoint = newInternetSender(t, w)
	return w
}

// clients runs every script of clients/. One of each pair is killed before each, and
// comes back meanwhile.
func (w *endToEnd) clients(t *testing.T) {
	for _, script := range clientScripts(t) {
		t.Run(script, func(t *testing.T) {
			restart := w.killAny(w.random)
			done := make(chan struct{})
			go func() {
				defer close(done)
				runNode(t, w, script, "AWALA_RECEIVER_PORT="+w.receiver)
			}()
			restart()
			<-done
		})
	}
}

// chaos has traffic while one process after the other is killed and started again, and
// one of the NATS servers, too; then everything has to come.
func (w *endToEnd) chaos(t *testing.T) {
	traffic := w.begin(t)
	w.killing(t)
	traffic.end()
	t.Logf("%d processes and a NATS server killed; %d requests failed, %d succeeded", chaosKills, traffic.failed.Load(), traffic.done.Load())
	w.settle(t)
	w.account(t)
}

// killing kills processes and starts them again.
func (w *endToEnd) killing(t *testing.T) {
	node := fmt.Sprintf("nats-%d", 1+w.random.IntN(3))
	for n := range chaosKills {
		switch n {
		case natsKill:
			servicestest.Script(t, "kill", node)
		case natsRevive:
			servicestest.Script(t, "revive", node)
		}
		role, i := replicaRoles[w.random.IntN(len(replicaRoles))], w.random.IntN(pair)
		w.kill(role, i)
		time.Sleep(time.Duration(w.random.IntN(1500)) * time.Millisecond)
		w.start(role, i)
	}
}

// roll stops each process and starts it again, one after the other, under traffic.
func (w *endToEnd) roll(t *testing.T) {
	repeated := w.mail.repeated()
	traffic := w.begin(t)
	slowest := time.Duration(0)
	for _, role := range replicaRoles {
		for i := range pair {
			code, took := w.process(role, i).Stop(t)
			if slowest = max(slowest, took); code != 0 {
				t.Errorf("%s: exit code %d", role, code)
			}
			w.start(role, i)
		}
	}
	traffic.end()
	t.Logf("slowest stop %v; %d requests failed, %d succeeded; collections ended with %v", slowest.Round(time.Millisecond),
		traffic.failed.Load(), traffic.done.Load(), traffic.codes)
	cut := 0
	for _, err := range traffic.failures {
		if cutOff(err) {
			cut++
		} else {
			t.Errorf("a request failed: %v", err)
		}
	}
	if most := pair * len(w.balancers); cut > most {
		t.Errorf("%d requests were cut off, which may happen to one with each of the %d servers: %v", cut, most, traffic.failures)
	}
	for code := range traffic.codes {
		if code != tryAgain {
			t.Errorf("a collection ended with code %d, want %d", code, tryAgain)
		}
	}
	if len(traffic.codes) == 0 {
		t.Error("no collection was sent away: the test shows nothing")
	}
	w.settle(t)
	if n := w.mail.repeated() - repeated; n > 0 {
		t.Errorf("%d parcels came twice", n)
	}
	w.account(t)
}

// cutOff tells whether a request met its connection's end: a server may close an idle
// connection while a request is on its way, and the client sends it again (RFC 9112 §9.5).
func cutOff(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) }

// tryAgain is the code with which collectors are sent away so that they come back.
const tryAgain = 4000

// settle waits until everything has come.
func (w *endToEnd) settle(t *testing.T) {
	w.mail.collectAll(t, w)
	w.cargo.settle(t, w)
	w.post.settle(t, w)
}

// account tells what was lost and what came too often, and looks into the history since
// the traffic began.
func (w *endToEnd) account(t *testing.T) {
	w.mail.account(t, w.seed)
	w.cargo.account(t, w.seed)
	records := map[string][]events.Record{}
	for _, stream := range []string{events.StreamCargo, events.StreamGatewayParcels, events.StreamParked, events.StreamInternetParcels} {
		records[stream] = slices.DeleteFunc(recorded(t, w, stream), func(r events.Record) bool { return r.StoredAt.Before(w.began) })
	}
	w.cargo.audit(t, slices.Concat(records[events.StreamCargo], records[events.StreamGatewayParcels], records[events.StreamParked]), replicaSlack)
	w.post.audit(t, slices.DeleteFunc(records[events.StreamInternetParcels], func(r events.Record) bool {
		return sourceOf(r) != w.post.from.ID()
	}), replicaSlack)
}

// sourceOf is the private gateway that sent the Internet-bound parcel of a record.
func sourceOf(r events.Record) string {
	switch data := r.Data.(type) {
	case events.InternetParcelAccepted:
		return data.SourceGatewayID
	case events.InternetParcelDelivered:
		return data.SourceGatewayID
	case events.InternetParcelDeferred:
		return data.SourceGatewayID
	case events.InternetParcelRefused:
		return data.SourceGatewayID
	case events.InternetParcelExpired:
		return data.SourceGatewayID
	default:
		return ""
	}
}

// traffic is all clients at work.
type traffic struct {
	*endToEnd
	t            *testing.T
	done, failed atomic.Int64
	end          func() // stops the clients and waits for them

	mu       sync.Mutex
	codes    map[int]int // with which collections ended
	failures []error
}

// begin starts senders and collectors by PoWeb, PoHTTP and courier.
func (w *endToEnd) begin(t *testing.T) *traffic {
	if w.began.IsZero() {
		w.began = time.Now()
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &traffic{endToEnd: w, t: t, codes: map[int]int{}}
	var clients sync.WaitGroup
	f.end = func() { cancel(); clients.Wait() }
	peer := w.mail.gateways[0].At(clientOf(t, w))
	for i := range 4 {
		n := i
		clients.Go(func() {
			f.again(ctx, func() error { n++; return w.mail.sendOne(ctx, t, w, peer, n, i%2 == 0) })
		})
	}
	for range internetSenders {
		clients.Go(func() { f.again(ctx, func() error { return f.handIn(ctx) }) })
	}
	for _, courier := range []*courierclient.Courier{newCourier(t, w), newCourier(t, w)} {
		clients.Go(func() { f.again(ctx, func() error { return f.carry(ctx, courier) }) })
	}
	f.collectors(ctx, &clients)
	return f
}

// collectors collect by PoWeb and by courier.
func (f *traffic) collectors(ctx context.Context, clients *sync.WaitGroup) {
	client, courier := clientOf(f.t, f), newCourier(f.t, f)
	peers := map[*powebclient.PrivateGateway]*ledger{}
	for _, peer := range f.mail.gateways {
		peers[peer.At(client)] = f.mail.ledger
	}
	for _, o := range f.cargo.online {
		peers[o.online.At(client)] = f.cargo.ledger
	}
	for peer, ledger := range peers {
		clients.Go(func() {
			for ctx.Err() == nil {
				f.ended(ctx, ledger.collect(ctx, peer, powebclient.KeepAlive))
				sleepFor(ctx, chaosPace)
			}
		})
	}
	clients.Go(func() { f.again(ctx, func() error { return f.visit(ctx, courier) }) })
}

// again does something at every pace, and counts what came of it.
func (f *traffic) again(ctx context.Context, do func() error) {
	for ctx.Err() == nil {
		err := do()
		switch {
		case err == nil:
			f.done.Add(1)
		case ctx.Err() == nil:
			f.failed.Add(1)
			f.mu.Lock()
			f.failures = append(f.failures, err)
			f.mu.Unlock()
		}
		sleepFor(ctx, chaosPace)
	}
}

// ended notes with which code a collection ended.
func (f *traffic) ended(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes[powebclient.CloseCode(err)]++
}

func (f *traffic) handIn(ctx context.Context) error {
	parcel, err := f.post.next()
	if err != nil {
		return err
	}
	err = f.post.hand(ctx, f.post.from.At(clientOf(f.t, f)), parcel)
	if status := powebclient.Status(err); status != 0 && status < 500 {
		f.t.Errorf("refused: %v", err)
	}
	return err
}

func (f *traffic) carry(ctx context.Context, courier *courierclient.Courier) error {
	c, err := f.cargo.next(ctx)
	if err != nil {
		return err
	}
	return f.cargo.hand(ctx, courier, c)
}

// visit collects cargo, and leaves the acknowledgements of what was collected.
func (f *traffic) visit(ctx context.Context, courier *courierclient.Courier) error {
	err := f.cargo.remote.turn(ctx, courier)
	if code := status.Code(err); err != nil && ctx.Err() == nil && code != codes.Unavailable {
		f.t.Errorf("collect by courier: %v", err)
	}
	return err
}

func sleepFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
