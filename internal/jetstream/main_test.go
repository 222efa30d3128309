package jetstream_test

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"awala.network/gateway/events"
	"awala.network/gateway/events/eventstest"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is an embedded server that can be stopped and started again, and a
// history over a connection that can be made to fail.
type site struct {
	tb   testing.TB
	dir  string
	nc   *nats.Conn
	log  *jetstream.Log
	opts jetstream.Options

	mu     sync.Mutex
	server *embedded.Server
	faults faults
}

// faults break the connection instead of passing on what contains these octets,
// once.
type faults struct {
	onWrite, onRead []byte
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	s := &site{tb: tb, dir: tb.TempDir()}
	s.start()
	tb.Cleanup(s.stop)
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.MaxReconnects(-1), nats.ReconnectWait(5*time.Millisecond))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	s.nc = nc
	s.opts = jetstream.Options{Sync: s.server.SyncAlways, Names: eventstest.NewNames(), Timeout: 10 * time.Second}
	s.log = s.open()
	if err := s.log.Provision(tb.Context(), events.Streams()); err != nil {
		tb.Fatal(err)
	}
	return s
}

func (s *site) open() *jetstream.Log {
	s.tb.Helper()
	log, err := jetstream.Open(s.tb.Context(), s.nc, s.opts)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(log.Close)
	return log
}

func (s *site) start() {
	s.tb.Helper()
	server, err := embedded.Start(s.dir, embedded.Options{})
	if err != nil {
		s.tb.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = server
}

func (s *site) stop() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

// breakOnce makes the connection fail as f says.
func (s *site) breakOnce(f faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// InProcessConn makes the site a nats.InProcessConnProvider.
func (s *site) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return nil, errors.New("the server is down")
	}
	conn, err := s.server.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: conn, site: s}, nil
}

type faultyConn struct {
	net.Conn
	site *site
}

func (c *faultyConn) Write(p []byte) (int, error) {
	if c.breaks(&c.site.faults.onWrite, p) {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.breaks(&c.site.faults.onRead, p[:n]) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *faultyConn) breaks(pattern *[]byte, p []byte) bool {
	c.site.mu.Lock()
	defer c.site.mu.Unlock()
	if len(*pattern) == 0 || !bytes.Contains(p, *pattern) {
		return false
	}
	*pattern = nil
	_ = c.Conn.Close()
	return true
}

// accepted returns a parcel event for a private gateway.
func accepted(id, gateway string) events.Event {
	return events.New(id, "test", time.Unix(1_700_000_000, 0), events.GatewayParcelAccepted{
		PrivateGatewayID: gateway,
		ParcelKey:        events.ParcelKey{SenderID: "s", RecipientID: "r", ParcelID: id},
	})
}
