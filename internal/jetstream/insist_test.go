package jetstream_test

import (
	"bytes"
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
)

// lossy loses the next requests that hold a text, as a server does that dies.
type lossy struct {
	*site
	text []byte
	left atomic.Int32
}

// InProcessConn implements [nats.InProcessConnProvider].
func (l *lossy) InProcessConn() (net.Conn, error) {
	conn, err := l.site.InProcessConn()
	return lossyConn{conn, l}, err
}

type lossyConn struct {
	net.Conn
	of *lossy
}

func (c lossyConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, c.of.text) && c.of.left.Add(-1) >= 0 {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestLostRequestIsSentAgain loses two requests to a stream's leader: who asked, with
// much time, is answered all the same, and soon.
func TestLostRequestIsSentAgain(t *testing.T) {
	s := newSite(t)
	if _, err := s.log.Append(t.Context(), accepted("e1", "0a")); err != nil {
		t.Fatal(err)
	}
	wire := &lossy{site: s, text: []byte("STREAM.MSG.GET")}
	nc, err := nats.Connect("", nats.InProcessServer(wire))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s.nc = nc
	log := s.open()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	for _, lost := range []int32{0, 2} { // the first request subscribes to answers, too
		wire.left.Store(lost)
		if got, err := log.Last(ctx, events.StreamGatewayParcels, "pdc-parcel.0a"); err != nil || got.ID != "e1" {
			t.Errorf("%d lost: %q, %v", lost, got.ID, err)
		}
	}
	if left := wire.left.Load(); left >= 0 {
		t.Errorf("%d requests were not lost", left+1)
	}
}
