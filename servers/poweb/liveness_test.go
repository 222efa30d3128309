package poweb_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"awala.network/gateway/internal/powebclient"
	server "awala.network/gateway/servers/poweb"
)

// pinged dials a collection whose pings are counted and signalled.
func pinged(t testing.TB, g *gateway, client *http.Client) (*websocket.Conn, *atomic.Int32, chan struct{}) {
	t.Helper()
	var count atomic.Int32
	pings := make(chan struct{}, 1000)
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(g.http.URL, "http", "ws", 1)+"/v1/parcel-collection",
		&websocket.DialOptions{HTTPClient: client, OnPingReceived: func(context.Context, []byte) bool {
			count.Add(1)
			pings <- struct{}{}
			return true
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(10 << 20)
	return conn, &count, pings
}

func TestPingsComeAtOnceAndRegularly(t *testing.T) {
	g := newGateway(t)
	if timing := server.DefaultTiming(); timing.Ping() != 5*time.Second || timing.Silence() < 9*time.Second || timing.Silence()+timing.Ping() > 15*time.Second {
		t.Errorf("the periods are %+v", timing)
	}
	g.server.SetTiming(func(t *server.Timing) { t.SetPing(200 * time.Millisecond) })
	p := newPair(t, g)
	began := time.Now()
	conn, _, pings := pinged(t, g, g.http.Client())
	shakeHands(t, conn, p.PrivateGateway)
	reading := conn.CloseRead(t.Context())
	for range 4 {
		select {
		case <-pings:
		case <-reading.Done():
			t.Fatal("the connection ended")
		}
	}
	if took := time.Since(began); took < 500*time.Millisecond || took > 3*time.Second {
		t.Errorf("four pings took %v", took)
	}
}

func TestSilentClientIsDropped(t *testing.T) {
	g := newGateway(t)
	g.server.SetTiming(func(t *server.Timing) {
		t.SetPing(50 * time.Millisecond)
		t.SetSilence(100 * time.Millisecond)
	})
	p := newPair(t, g)
	conn := dial(t, g, nil)
	shakeHands(t, conn, p.PrivateGateway)
	// Nobody reads the connection from here on, so pings are not answered.
	if record := g.logs.await(t, "Collection ended", "close_code"); record["close_code"] != 1006.0 {
		t.Errorf("the end: %v", record)
	}
}

func TestLogTellsAClosedConnectionFromABrokenOne(t *testing.T) {
	for name, test := range map[string]struct {
		leave func(*websocket.Conn) error
		code  float64
		error bool
	}{
		"done":                {func(c *websocket.Conn) error { return c.Close(websocket.StatusNormalClosure, "") }, 1000, false},
		"going away":          {func(c *websocket.Conn) error { return c.Close(websocket.StatusGoingAway, "") }, 1001, false},
		"without a code":      {func(c *websocket.Conn) error { return c.Close(websocket.StatusNoStatusRcvd, "") }, 1005, false},
		"a code of their own": {func(c *websocket.Conn) error { return c.Close(4999, "") }, 1006, true},
		"cut":                 {(*websocket.Conn).CloseNow, 1006, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			conn := dial(t, g, nil)
			shakeHands(t, conn, g.register(t))
			g.logs.await(t, "Collection started", "msg")
			if err := test.leave(conn); err != nil {
				t.Fatal(err)
			}
			record := g.logs.await(t, "Collection ended", "close_code")
			if record["close_code"] != test.code || (record["error"] != nil) != test.error {
				t.Errorf("the end: %v", record)
			}
		})
	}
}

func TestControlFramesPassWhileStorageIsSlow(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	want := p.queue(t, 1)
	gate, waiting := make(chan struct{}), make(chan struct{})
	g.Blobs.Gate.Store(&gate)
	g.Blobs.Waiting.Store(&waiting)
	c := p.collect(t, powebclient.KeepAlive)
	defer c.Close()
	<-waiting
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(gate)
	if got := take(t, c); !bytes.Equal(got, want[0]) {
		t.Error("another parcel")
	}
}

// slowConn is read at a limited speed.
type slowConn struct{ net.Conn }

// Read reads a little, and then rests.
func (c slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), 64<<10)])
	if n > 4<<10 {
		<-time.After(15 * time.Millisecond)
	}
	return n, err
}

func TestPingsPassALargeDelivery(t *testing.T) {
	g := newGateway(t)
	g.server.SetTiming(func(t *server.Timing) {
		// A ping that cannot be written before the next is due ends the
		// connection, so it must not be so soon that a busy machine does that.
		t.SetPing(500 * time.Millisecond)
		t.SetSilence(10 * time.Second)
	})
	p := newPair(t, g)
	parcel := write(t, p.from, powebclient.Parcel{To: p.to, Payload: bytes.Repeat([]byte("p"), 3_000_000)})
	deliver(t, p.PrivateGateway, parcel)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return nil, errors.New("no TCP connection")
		}
		return slowConn{tcp}, tcp.SetReadBuffer(64 << 10)
	}}
	conn, count, _ := pinged(t, g, &http.Client{Transport: transport})
	shakeHands(t, conn, p.PrivateGateway)
	before, began := count.Load(), time.Now()
	message := receive(t, conn)
	took := time.Since(began)
	if !bytes.HasSuffix(message, parcel) {
		t.Error("another parcel")
	}
	pings := count.Load() - before
	t.Logf("%d pings while a large parcel took %v", pings, took)
	if want := int32(took/(500*time.Millisecond)) / 3; pings < want {
		t.Errorf("%d pings in %v", pings, took)
	}
	send(t, conn, websocket.MessageText, deliveryID(t, message))
	if err := conn.Ping(contextOf(t, conn)); err != nil {
		t.Error(err)
	}
}

// contextOf reads the connection on, so that it can be pinged.
func contextOf(t testing.TB, conn *websocket.Conn) context.Context {
	return conn.CloseRead(t.Context())
}
