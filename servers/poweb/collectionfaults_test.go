package poweb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/projections"
	"awala.network/gateway/servers/internal/servertest"
	server "awala.network/gateway/servers/poweb"
)

func TestStorageOutage(t *testing.T) {
	t.Run("short", func(t *testing.T) {
		g := newGateway(t)
		p := newPair(t, g)
		want := p.queue(t, 1)
		g.Blobs.GetFault.Before(2, servertest.ErrInjected)
		if diff := cmp.Diff(want, p.all(t)); diff != "" {
			t.Errorf("collected: %s", diff)
		}
	})
	for _, mode := range []powebclient.Mode{powebclient.KeepAlive, powebclient.CloseUponCompletion} {
		t.Run("long, "+string(mode), func(t *testing.T) {
			g := newGateway(t)
			g.server.SetTiming(func(t *server.Timing) { t.SetReopen(time.Second) })
			p := newPair(t, g)
			parcels := p.queue(t, 2)
			g.Blobs.GetFault.Before(4, servertest.ErrInjected)
			c := p.collect(t, mode)
			if got := take(t, c); !bytes.Equal(got, parcels[1]) {
				t.Error("the unreadable parcel kept the other one back")
			}
			if err := end(t, c); powebclient.CloseCode(err) != 1011 {
				t.Errorf("the end: %v", err)
			}
			c.Close()
			if diff := cmp.Diff(parcels[:1], p.all(t)); diff != "" {
				t.Errorf("collected after the outage: %s", diff)
			}
		})
	}
}

func TestAcknowledgementFaults(t *testing.T) {
	tests := map[string]struct {
		spoil func(*servertest.Fault)
		// code is how the collection ends, and again how many parcels the next
		// one yields.
		code, again int
	}{
		"history failed twice":             {func(f *servertest.Fault) { f.Before(2, servertest.ErrInjected) }, 1000, 0},
		"history failed but recorded":      {func(f *servertest.Fault) { f.After(1, servertest.ErrInjected) }, 1000, 0},
		"history fails":                    {func(f *servertest.Fault) { f.Before(4, servertest.ErrInjected) }, 1011, 1},
		"history fails though it recorded": {func(f *servertest.Fault) { f.After(4, servertest.ErrInjected) }, 1011, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			p := newPair(t, g)
			p.queue(t, 1)
			c := p.collect(t, powebclient.CloseUponCompletion)
			d := next(t, c)
			tc.spoil(&g.Log.Fault)
			if err := d.Acknowledge(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := end(t, c)
			if tc.code == 1000 && !errors.Is(err, io.EOF) || tc.code != 1000 && powebclient.CloseCode(err) != tc.code {
				t.Errorf("the end: %v", err)
			}
			c.Close()
			if got := len(p.all(t)); got != tc.again {
				t.Errorf("%d parcels in the next collection", got)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	g := newGateway(t)
	idle, busy := newPair(t, g), newPair(t, g)
	parcels := busy.queue(t, 2)
	c1, c2 := idle.collect(t, powebclient.KeepAlive), busy.collect(t, powebclient.CloseUponCompletion)
	defer c1.Close()
	defer c2.Close()
	d := next(t, c2)
	drained := make(chan error, 1)
	go func() { drained <- g.server.Drain(t.Context()) }()
	if err := end(t, c1); powebclient.CloseCode(err) != 4000 {
		t.Errorf("the idle collection ended with %v", err)
	}
	if err := d.Acknowledge(t.Context()); err != nil { // at the last moment
		t.Fatal(err)
	}
	var ended error
	for ended == nil { // the drain may not have come to it before the next parcel did
		_, ended = c2.Next(t.Context())
	}
	if powebclient.CloseCode(ended) != 4000 {
		t.Errorf("the busy collection ended with %v", ended)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	_, err := idle.Collect(t.Context(), powebclient.KeepAlive)
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a collection after the drain: %v", err)
	}
	again := serve(t, g.World)
	client, err := again.RegisterWith(t.Context(), busy.Key, again.preRegister(t, busy.Key))
	if err != nil {
		t.Fatal(err)
	}
	successor := &pair{PrivateGateway: client}
	if diff := cmp.Diff(parcels[1:], successor.all(t)); diff != "" {
		t.Errorf("collected after the drain: %s", diff)
	}
}

// TestDrainSpreads shows that collectors do not all come back to the other servers at the
// same moment.
func TestDrainSpreads(t *testing.T) {
	const collectors = 200
	g := newGateway(t)
	p := newPair(t, g)
	var all [collectors]*powebclient.Collection
	for i := range all {
		all[i] = p.collect(t, powebclient.KeepAlive)
		defer all[i].Close()
	}
	began := time.Now()
	parted := make(chan time.Duration, collectors)
	for _, c := range all {
		go func() {
			_, _ = c.Next(t.Context())
			parted <- time.Since(began)
		}()
	}
	if err := g.server.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := 0
	for range all {
		if took := <-parted; took > collectors*time.Millisecond/4 {
			late++
		}
	}
	if late < collectors/2 {
		t.Errorf("%d of %d collectors were sent away in the first quarter of the time", collectors-late, collectors)
	}
}

func TestDrainCutsOffWhoDoesNotListen(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	conn := dial(t, g, nil)
	shakeHands(t, conn, p.PrivateGateway)
	// Nobody reads the connection from here on, so the close frame is not answered.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := g.server.Drain(ctx); err != nil {
		t.Error(err)
	}
	if ctx.Err() != nil {
		t.Error("the drain took all its time")
	}
}

// panicking is a collector that has a bug.
type panicking struct{}

// Acknowledged panics.
func (panicking) Acknowledged(context.Context, projections.Item, events.Ingress) error {
	panic("a bug")
}

func TestPanicEndsOneCollectionOnly(t *testing.T) {
	g := newGateway(t, func(c *server.Config) { c.Collector = panicking{} })
	p, other := newPair(t, g), newPair(t, g)
	bystander := other.collect(t, powebclient.KeepAlive)
	defer bystander.Close()
	p.queue(t, 1)
	c := p.collect(t, powebclient.KeepAlive)
	defer c.Close()
	take(t, c)
	if err := end(t, c); powebclient.CloseCode(err) != 1011 {
		t.Errorf("the end: %v", err)
	}
	if err := bystander.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSpinningClientWaits(t *testing.T) {
	g := newGateway(t)
	g.server.SetDamping(300 * time.Millisecond)
	p := newPair(t, g)
	var slowest time.Duration
	for range 8 {
		began := time.Now()
		p.all(t)
		slowest = max(slowest, time.Since(began))
	}
	if slowest < 300*time.Millisecond {
		t.Errorf("the slowest of 8 collections in a row took %v", slowest)
	}
}
