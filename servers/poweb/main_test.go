package poweb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/projections"
	"awala.network/gateway/servers/internal/servertest"
	"awala.network/gateway/servers/poweb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a PoWeb server on real parts.
type gateway struct {
	*servertest.World
	*powebclient.Client
	server   *poweb.Server
	http     *httptest.Server
	logs     *logs
	reports  *reports
	registry *prometheus.Registry
}

func newGateway(t testing.TB, options ...func(*poweb.Config)) *gateway {
	t.Helper()
	return serve(t, servertest.New(t), options...)
}

// serve runs another replica of the world's server.
func serve(t testing.TB, world *servertest.World, options ...func(*poweb.Config)) *gateway {
	t.Helper()
	g := &gateway{World: world, logs: &logs{}, reports: &reports{}, registry: prometheus.NewRegistry()}
	config := poweb.Config{
		Identity: g.Identity, SessionKeys: g.Keys, Log: g.Log, Acceptor: g.Accept, Blobs: g.Blobs,
		Mailboxes: poweb.Projected(g.Reader), Collector: g.Collect, Reporter: g.reports,
		Logger: slog.New(slog.NewJSONHandler(g.logs, nil)), Registerer: g.registry, Now: g.Clock.Now,
		Guard: servertest.NewGuard(t, limits.Options{}),
	}
	for _, option := range options {
		option(&config)
	}
	var err error
	if g.server, err = poweb.New(config); err != nil {
		t.Fatal(err)
	}
	g.server.SetTiming(func(t *poweb.Timing) {
		t.SetRefusal(10 * time.Millisecond)
		t.SetRetries(time.Millisecond, 2*time.Millisecond, 3*time.Millisecond)
	})
	g.http = httptest.NewServer(g.server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.server.Drain(ctx); err != nil {
			t.Error(err)
		}
		g.http.Close()
	})
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	if g.Client, err = powebclient.New(g.http.URL, client); err != nil {
		t.Fatal(err)
	}
	return g
}

// register returns a new private gateway.
func (g *gateway) register(t testing.TB) *powebclient.PrivateGateway {
	t.Helper()
	p, err := g.Register(t.Context(), servertest.NewKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// endpoint returns a new endpoint behind a private gateway.
func endpoint(t testing.TB, p *powebclient.PrivateGateway) *powebclient.Endpoint {
	t.Helper()
	e, err := p.NewEndpointWith(servertest.NewKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// write returns a serialised parcel.
func write(t testing.TB, from *powebclient.Endpoint, p powebclient.Parcel) []byte {
	t.Helper()
	parcel, err := from.Write(p)
	if err != nil {
		t.Fatal(err)
	}
	return parcel
}

// deliver hands in a parcel.
func deliver(t testing.TB, p *powebclient.PrivateGateway, parcel []byte) {
	t.Helper()
	if err := p.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
}

// logs collects log records.
type logs struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	waiters []chan struct{}
}

// Write takes one record.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, waiter := range l.waiters {
		close(waiter)
	}
	l.waiters = nil
	return l.buffer.Write(p)
}

// written returns what is closed once another record is written.
func (l *logs) written() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiter := make(chan struct{})
	l.waiters = append(l.waiters, waiter)
	return waiter
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// await waits for a record with an attribute and returns it.
func (l *logs) await(t testing.TB, message, attribute string) map[string]any {
	t.Helper()
	for {
		written := l.written()
		if record := l.last(t, message); record[attribute] != nil {
			return record
		}
		select {
		case <-written:
		case <-time.After(patience):
			t.Fatalf("no record %q with %q", message, attribute)
		}
	}
}

// last returns the last record with the given message, or nil.
func (l *logs) last(t testing.TB, message string) map[string]any {
	t.Helper()
	var found map[string]any
	for line := range bytes.Lines([]byte(l.String())) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == message {
			found = record
		}
	}
	return found
}

// reports collects what is reported as undeliverable.
type reports struct {
	mu    sync.Mutex
	items []projections.Item
}

// Undeliverable notes a parcel.
func (r *reports) Undeliverable(_ context.Context, item projections.Item, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
}

func (r *reports) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.items)
}
