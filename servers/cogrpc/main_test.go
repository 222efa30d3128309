package cogrpc_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/registration"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/claims"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/projections"
	"awala.network/gateway/servers/cogrpc"
	"awala.network/gateway/servers/cogrpc/cargorelay"
	"awala.network/gateway/servers/internal/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what should happen at once.
const patience = 20 * time.Second

// gateway is a CogRPC server on real parts.
type gateway struct {
	*servertest.World
	courier  *courierclient.Courier
	server   *cogrpc.Server
	client   cargorelay.CargoRelayClient
	unwrap   *handlers.UnwrapCargo
	registry *prometheus.Registry
	ready    atomic.Bool
	stop     func()
	logs     logs
	next     uint64 // the first cargo that is not unwrapped
}

// Undeliverable hears of parcels that were passed over.
func (g *gateway) Undeliverable(context.Context, projections.Item, error) {}

func newGateway(t testing.TB, options ...func(*cogrpc.Config)) *gateway {
	t.Helper()
	g := &gateway{World: servertest.New(t), registry: prometheus.NewRegistry()}
	g.ready.Store(true)
	quiet := slog.New(slog.DiscardHandler)
	sessions := &handlers.Sessions{Keys: g.Keys, Log: g.Log, Now: g.Clock.Now}
	g.unwrap = &handlers.UnwrapCargo{
		Sessions: sessions, Blobs: g.Blobs, Accept: g.Accept, Collect: g.Collect, Log: g.Log, Logger: quiet, Now: g.Clock.Now,
	}
	config := cogrpc.Config{
		Receiver: &handlers.ReceiveCargo{
			Identity: g.Identity, Blobs: g.Blobs, Log: g.Log, Ended: g.Accept.Ended, Logger: quiet, Now: g.Clock.Now,
		},
		Collector: &handlers.CollectCargo{
			Identity: g.Identity, Sessions: sessions, Parcels: g.Reader, Due: projections.NewAcknowledgements(g.Log, g.Clock.Now),
			Blobs: g.Blobs, Log: g.Log, Claims: new(claims.Local), Building: make(chan struct{}, 2), Reporter: g,
			Logger: quiet, Now: g.Clock.Now,
		},
		Ready:  func(context.Context) bool { return g.ready.Load() },
		Logger: slog.New(slog.NewTextHandler(&g.logs, nil)), Registerer: g.registry,
		Guard: servertest.NewGuard(t, limits.Options{}),
	}
	for _, option := range options {
		option(&config)
	}
	var err error
	if g.server, err = cogrpc.New(config); err != nil {
		t.Fatal(err)
	}
	g.serve(t)
	return g
}

func (g *gateway) serve(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.server.Serve(listener) }()
	if g.courier, err = courierclient.New(listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	g.client = cargorelay.NewCargoRelayClient(g.courier.Conn())
	g.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		g.server.Stop(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		_ = g.courier.Close()
		g.stop()
	})
}

// peer is a private gateway with two endpoints.
type peer struct {
	*courierclient.PrivateGateway
	endpoint, other *powebclient.Endpoint
}

// register makes a private gateway as a registration by PoWeb does.
func (g *gateway) register(t testing.TB) peer {
	t.Helper()
	key := servertest.NewKey(t)
	certificate, err := g.Identity.IssueFor(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	session, err := pki.GenerateSessionKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Keys.SaveSessionKey(t.Context(), g.Identity.NodeID(), certificate.SubjectID(), session); err != nil {
		t.Fatal(err)
	}
	public := session.Public()
	r := &registration.Registration{
		NodeCertificate: certificate, GatewayCertificate: g.Identity.Certificate(),
		InternetAddress: servertest.InternetAddress, SessionKey: &public,
	}
	private, err := courierclient.NewPrivateGateway(key, r, g.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	online := &powebclient.PrivateGateway{Key: key, Registration: r}
	made := peer{PrivateGateway: private}
	for _, e := range []**powebclient.Endpoint{&made.endpoint, &made.other} {
		if *e, err = online.NewEndpointWith(servertest.NewKey(t)); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// parcel writes a parcel from an endpoint of one peer to one of another, or of the
// same.
func parcel(t testing.TB, from, to peer, payload []byte) []byte {
	t.Helper()
	raw, err := from.other.Write(powebclient.Parcel{To: to.endpoint, Payload: payload, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func cargo(t testing.TB, from peer, items ...[]byte) []byte {
	t.Helper()
	raw, err := from.SerializeCargo(t.Context(), items...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func cca(t testing.TB, of peer) []byte {
	t.Helper()
	raw, err := of.SerializeCCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// queue queues parcels for a peer.
func (g *gateway) queue(t testing.TB, to peer, count, length int) {
	t.Helper()
	for range count {
		if _, err := g.Accept.FromInternet(t.Context(), parcel(t, to, to, make([]byte, length))); err != nil {
			t.Fatal(err)
		}
	}
}

// unwrapAll does what the worker does.
func (g *gateway) unwrapAll(t testing.TB) {
	t.Helper()
	for {
		r, err := g.Log.Next(t.Context(), events.StreamCargo, events.CargoChannel, g.next+1)
		if err != nil {
			return
		}
		if err := g.unwrap.Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		g.next = r.Sequence
	}
}

// cargoTypes are the types of the events of cargo.
func (g *gateway) cargoTypes(t testing.TB) map[events.Type]int {
	t.Helper()
	types := map[events.Type]int{}
	for _, subject := range []string{events.CargoChannel, events.CargoOutcomes} {
		for from := uint64(1); ; {
			r, err := g.Log.Next(t.Context(), events.StreamCargo, subject, from)
			if err != nil {
				break
			}
			types[r.Data.EventType()]++
			from = r.Sequence + 1
		}
	}
	return types
}

// collecting opens a CollectCargo call.
func (g *gateway) collecting(t testing.TB, authorization string) (cargorelay.CargoRelay_CollectCargoClient, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	stream, err := g.client.CollectCargo(metadata.AppendToOutgoingContext(ctx, "authorization", authorization))
	if err != nil {
		t.Fatal(err)
	}
	return stream, cancel
}

func header(cca []byte) string { return "Relaynet-CCA " + base64.StdEncoding.EncodeToString(cca) }

// collect collects all with a CCA and returns the count of items.
func (g *gateway) collect(t testing.TB, of peer, cca []byte) (items int, err error) {
	t.Helper()
	err = g.courier.Collect(t.Context(), cca, func(raw []byte) error {
		set, err := of.OpenCargo(t.Context(), raw)
		items += len(set)
		return err
	})
	return items, err
}

func wantCode(t testing.TB, err error, want codes.Code) {
	t.Helper()
	if got := codeOf(err); got != want {
		t.Errorf("code %v (%v), want %v", got, err, want)
	}
}

func codeOf(err error) codes.Code {
	s, _ := status.FromError(err)
	return s.Code()
}

// logs collects log records.
type logs struct {
	mu   sync.Mutex
	text string
	more chan struct{} // closed when there is another record
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text += string(p)
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return len(p), nil
}

func (l *logs) read() (text string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return l.text, l.more
}

// await waits for a record that holds the words, and returns it.
func (l *logs) await(t testing.TB, words string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		text, more := l.read()
		for line := range strings.Lines(text) {
			if strings.Contains(line, words) {
				return line
			}
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("no record with %q in %s", words, text)
		}
	}
}
