package poweb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/powebclient"
)

// pair is a private gateway with two endpoints that write to each other.
type pair struct {
	*powebclient.PrivateGateway
	from, to *powebclient.Endpoint
}

func newPair(t testing.TB, g *gateway) *pair {
	t.Helper()
	p := g.register(t)
	return &pair{PrivateGateway: p, from: endpoint(t, p), to: endpoint(t, p)}
}

// queue delivers n parcels and returns them.
func (p *pair) queue(t testing.TB, n int) [][]byte {
	t.Helper()
	var parcels [][]byte
	for i := range n {
		parcel := write(t, p.from, powebclient.Parcel{To: p.to, Payload: fmt.Append(nil, "payload ", i)})
		deliver(t, p.PrivateGateway, parcel)
		parcels = append(parcels, parcel)
	}
	return parcels
}

func (p *pair) collect(t testing.TB, mode powebclient.Mode, others ...*powebclient.PrivateGateway) *powebclient.Collection {
	t.Helper()
	c, err := p.Collect(t.Context(), mode, others...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// patience bounds what a test waits for.
const patience = 20 * time.Second

// next returns the next delivery.
func next(t testing.TB, c *powebclient.Collection) *powebclient.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := c.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// take returns the next parcel and acknowledges it.
func take(t testing.TB, c *powebclient.Collection) []byte {
	t.Helper()
	d := next(t, c)
	if err := d.Acknowledge(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d.Parcel
}

// end waits for the end of a collection and returns its error.
func end(t testing.TB, c *powebclient.Collection) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := c.Next(ctx)
	if err == nil {
		t.Fatalf("a delivery of %d octets", len(d.Parcel))
	}
	return err
}

// all collects upon completion and returns everything.
func (p *pair) all(t testing.TB) [][]byte {
	t.Helper()
	c := p.collect(t, powebclient.CloseUponCompletion)
	defer c.Close()
	var parcels [][]byte
	for {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		d, err := c.Next(ctx)
		cancel()
		if errors.Is(err, io.EOF) {
			return parcels
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Acknowledge(t.Context()); err != nil {
			t.Fatal(err)
		}
		parcels = append(parcels, d.Parcel)
	}
}

func TestCollectUponCompletion(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	if got := p.all(t); len(got) != 0 {
		t.Errorf("%d parcels in an empty mailbox", len(got))
	}
	want := p.queue(t, 3)
	if diff := cmp.Diff(want, p.all(t)); diff != "" {
		t.Errorf("collected: %s", diff)
	}
	if got := p.all(t); len(got) != 0 {
		t.Errorf("%d parcels after their acknowledgement", len(got))
	}
	deliver(t, p.PrivateGateway, want[0])
	if got := p.all(t); len(got) != 0 {
		t.Errorf("%d duplicates of collected parcels", len(got))
	}
}

func TestCollectionIsRecorded(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 1)
	p.all(t)
	accepted, err := g.Log.Next(t.Context(), events.StreamGatewayParcels, events.GatewayParcelChannel(p.ID()), 1)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := g.Log.Next(t.Context(), events.StreamGatewayParcels, events.GatewayParcelOutcomes(p.ID()), 1)
	if err != nil {
		t.Fatal(err)
	}
	collected, ok := outcome.Data.(events.GatewayParcelCollected)
	if !ok || collected.AcceptedID != accepted.ID || collected.Via != events.ViaPoWeb || outcome.CausationID != accepted.ID {
		t.Errorf("recorded: %+v", outcome)
	}
	record := g.logs.last(t, "Collection started")
	if ids, _ := record["private_gateway_id"].([]any); len(ids) != 1 || ids[0] != p.ID() {
		t.Errorf("logged: %v", record)
	}
}

func TestKeepAlive(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	queued := p.queue(t, 2)
	c := p.collect(t, powebclient.KeepAlive)
	defer c.Close()
	for i, want := range queued {
		if got := take(t, c); !bytes.Equal(got, want) {
			t.Errorf("queued parcel %d is another one", i)
		}
	}
	for i := range 3 {
		live := p.queue(t, 1)
		if got := take(t, c); !bytes.Equal(got, live[0]) {
			t.Errorf("live parcel %d is another one", i)
		}
	}
}

func TestUnacknowledgedComesAgain(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	want := p.queue(t, 2)
	c := p.collect(t, powebclient.KeepAlive)
	take(t, c)
	next(t, c) // and no acknowledgement
	c.Abort()
	if diff := cmp.Diff(want[1:], p.all(t)); diff != "" {
		t.Errorf("collected again: %s", diff)
	}
}

func TestOneDeliveryInFlight(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 2)
	c := p.collect(t, powebclient.KeepAlive)
	defer c.Close()
	first := next(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second delivery before the first was acknowledged: %v", err)
	}
	if err := first.Acknowledge(t.Context()); err != nil {
		t.Fatal(err)
	}
	take(t, c)
}

func TestTheUnionOfTheSigners(t *testing.T) {
	g := newGateway(t)
	p, other := newPair(t, g), newPair(t, g)
	want := map[string]bool{}
	for _, parcel := range append(p.queue(t, 2), other.queue(t, 3)...) {
		want[string(parcel)] = true
	}
	c := p.collect(t, powebclient.KeepAlive, other.PrivateGateway, p.PrivateGateway)
	for range 5 {
		delete(want, string(take(t, c)))
	}
	if len(want) != 0 {
		t.Errorf("%d parcels were not collected", len(want))
	}
	live := other.queue(t, 1)
	if got := take(t, c); !bytes.Equal(got, live[0]) {
		t.Error("another live parcel")
	}
	c.Close()
	completion := p.collect(t, powebclient.CloseUponCompletion, other.PrivateGateway)
	defer completion.Close()
	if err := end(t, completion); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestReplacedAndExpiredParcelsAreWithheld(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	deliver(t, p.PrivateGateway, write(t, p.from, powebclient.Parcel{To: p.to, ID: "same", Payload: []byte("old")}))
	newer := write(t, p.from, powebclient.Parcel{To: p.to, ID: "same", Payload: []byte("new"), TTL: time.Hour})
	deliver(t, p.PrivateGateway, newer)
	deliver(t, p.PrivateGateway, write(t, p.from, powebclient.Parcel{To: p.to, TTL: time.Minute}))
	g.Clock.Advance(2 * time.Minute)
	if diff := cmp.Diff([][]byte{newer}, p.all(t)); diff != "" {
		t.Errorf("collected: %s", diff)
	}
}

func TestParcelThatExpiresWhileItIsFetched(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 1)
	gate := make(chan struct{})
	g.Blobs.Gate.Store(&gate)
	waiting := make(chan struct{})
	g.Blobs.Waiting.Store(&waiting)
	c := p.collect(t, powebclient.CloseUponCompletion)
	defer c.Close()
	<-waiting
	g.Clock.Advance(time.Hour)
	close(gate)
	if err := end(t, c); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestParcelDatedAheadIsWithheld: a clock that is fast is tolerated, but clients throw
// away what is not valid by their own clock.
func TestParcelDatedAheadIsWithheld(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	ahead := func(by time.Duration) []byte {
		raw := write(t, p.from, powebclient.Parcel{To: p.to, CreatedAt: time.Now().Add(by)})
		deliver(t, p.PrivateGateway, raw)
		return raw
	}
	ahead(time.Hour)
	if got := p.all(t); len(got) > 0 {
		t.Errorf("%d parcels that are not valid yet", len(got))
	}
	c := p.collect(t, powebclient.KeepAlive)
	defer c.Close()
	other := p.queue(t, 1)
	if got := take(t, c); !bytes.Equal(got, other[0]) {
		t.Error("others wait for the one that is not valid yet")
	}
	soon := ahead(2500 * time.Millisecond)
	if got := take(t, c); !bytes.Equal(got, soon) {
		t.Error("another parcel")
	}
	if m, err := ramf.Parse(soon); err != nil || m.CreatedAt.After(time.Now()) {
		t.Errorf("it came before it was valid; error %v", err)
	}
	last := p.queue(t, 1)
	next(t, c) // comes only when the acknowledgement before it is recorded
	if diff := cmp.Diff(last, p.all(t)); diff != "" {
		t.Errorf("left: %s", diff)
	}
}

func TestMissingBlobIsPassedOver(t *testing.T) {
	testPassedOver(t, func(g *gateway, key string) error { return g.Blobs.Delete(t.Context(), key) })
}

// TestDamagedBlobIsPassedOver: a client acknowledges what it cannot read, and throws it
// away. So the parcel must not leave, and may yet be restored.
func TestDamagedBlobIsPassedOver(t *testing.T) {
	testPassedOver(t, func(g *gateway, key string) error {
		return g.Blobs.Put(t.Context(), key, []byte("something else"), blobs.Meta{ExpiresAt: time.Now().Add(time.Hour)})
	})
}

func testPassedOver(t *testing.T, spoil func(g *gateway, key string) error) {
	g := newGateway(t)
	p := newPair(t, g)
	parcels := p.queue(t, 3)
	for _, key := range g.Stored().Parcels {
		body, _, err := g.Blobs.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(body, parcels[1]) {
			if err := spoil(g, key); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([][]byte{parcels[0], parcels[2]}, p.all(t)); diff != "" {
		t.Errorf("collected: %s", diff)
	}
	if g.reports.count() != 1 {
		t.Errorf("%d reports", g.reports.count())
	}
}
