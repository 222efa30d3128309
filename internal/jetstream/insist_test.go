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
	"awala.network/gateway/internal/jetstream"
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

// newLossy has the site reached by a wire that loses what holds the text.
func newLossy(t *testing.T, s *site, text string) *lossy {
	t.Helper()
	l := &lossy{site: s, text: []byte(text)}
	nc, err := nats.Connect("", nats.InProcessServer(l))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s.nc = nc
	return l
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
	wire := newLossy(t, s, "STREAM.MSG.GET")
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

// TestPatienceIsNotForOneRequest provisions with much time while the first request is
// lost: it fails soon, so that the caller tries again and says so, or is repeated.
func TestPatienceIsNotForOneRequest(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	consumers := []jetstream.ConsumerSpec{{Stream: events.StreamCargo, Name: "patient"}}
	for text, provision := range map[string]func(*jetstream.Log) error{
		"STREAM.INFO":           func(l *jetstream.Log) error { return l.Provision(ctx, events.Streams()) },
		"CONSUMER.":             func(l *jetstream.Log) error { return l.ProvisionConsumers(ctx, consumers) },
		"STREAM.INFO.KV_CLAIMS": func(l *jetstream.Log) error { _, err := l.Claims(ctx, 2*time.Second); return err },
	} {
		s := newSite(t)
		s.opts.Timeout = time.Second
		wire := newLossy(t, s, text)
		log := s.open()
		_ = provision(log) // the first request subscribes to answers, too
		wire.left.Store(1)
		began := time.Now()
		err := provision(log)
		if wire.left.Load() >= 1 {
			t.Errorf("%s: nothing was lost", text)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: waited %v: %v", text, took, err)
		}
		if err := provision(log); err != nil {
			t.Errorf("%s: again: %v", text, err)
		}
	}
}
