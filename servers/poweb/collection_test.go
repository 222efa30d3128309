package poweb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/poweb"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/projections"
	"awala.network/gateway/servers/internal/servertest"
	server "awala.network/gateway/servers/poweb"
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

func TestMissingBlobIsPassedOver(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	parcels := p.queue(t, 3)
	for _, key := range g.Stored().Parcels {
		body, _, err := g.Blobs.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(body, parcels[1]) {
			if err := g.Blobs.Delete(t.Context(), key); err != nil {
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
	if err := end(t, c2); powebclient.CloseCode(err) != 4000 {
		t.Errorf("the busy collection ended with %v", err)
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

// dial opens a collection by hand.
func dial(t testing.TB, g *gateway, header http.Header) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), strings.Replace(g.http.URL, "http", "ws", 1)+"/v1/parcel-collection",
		&websocket.DialOptions{HTTPHeader: header, HTTPClient: g.http.Client()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// receive returns the next message.
func receive(t testing.TB, conn *websocket.Conn) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	kind, message, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if kind != websocket.MessageBinary {
		t.Errorf("a %v message", kind)
	}
	return message
}

// response answers the challenge for private gateways.
func response(t testing.TB, conn *websocket.Conn, gateways ...*powebclient.PrivateGateway) []byte {
	t.Helper()
	challenge, err := poweb.ParseChallenge(receive(t, conn))
	if err != nil {
		t.Fatal(err)
	}
	var r poweb.Response
	for _, p := range gateways {
		signature, err := poweb.SignNonce(challenge.Nonce, p.Key, p.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		r.NonceSignatures = append(r.NonceSignatures, signature)
	}
	der, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func send(t testing.TB, conn *websocket.Conn, kind websocket.MessageType, message []byte) {
	t.Helper()
	if err := conn.Write(t.Context(), kind, message); err != nil {
		t.Fatal(err)
	}
}

func shakeHands(t testing.TB, conn *websocket.Conn, gateways ...*powebclient.PrivateGateway) {
	t.Helper()
	send(t, conn, websocket.MessageBinary, response(t, conn, gateways...))
}

// closeCode reads until the server closes and returns its code.
func closeCode(t testing.TB, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestCloseCodes(t *testing.T) {
	g := newGateway(t)
	g.server.SetTiming(func(t *server.Timing) { t.SetHandshake(500 * time.Millisecond) })
	p := newPair(t, g)
	empty := newPair(t, g)
	p.queue(t, 2)
	stranger := servertest.NewKey(t)
	strangers := selfIssued(t, stranger)
	upon := http.Header{"X-Relaynet-Streaming-Mode": {"close-upon-completion"}}
	tests := map[string]struct {
		header http.Header
		client func(t *testing.T, conn *websocket.Conn)
		want   websocket.StatusCode
	}{
		"browser":                    {http.Header{"Origin": {"https://example.com"}}, func(*testing.T, *websocket.Conn) {}, 1008},
		"no answer to the challenge": {nil, func(t *testing.T, conn *websocket.Conn) { receive(t, conn) }, 1003},
		"noise": {nil, func(t *testing.T, conn *websocket.Conn) {
			receive(t, conn)
			send(t, conn, websocket.MessageBinary, []byte("noise"))
		}, 1003},
		"text": {nil, func(t *testing.T, conn *websocket.Conn) {
			receive(t, conn)
			send(t, conn, websocket.MessageText, []byte("hello"))
		}, 1003},
		"no signature": {nil, func(t *testing.T, conn *websocket.Conn) {
			receive(t, conn)
			send(t, conn, websocket.MessageBinary, []byte{0x30, 0x02, 0xa0, 0x00})
		}, 1003},
		"signature of another nonce": {nil, func(t *testing.T, conn *websocket.Conn) {
			receive(t, conn)
			signature, err := poweb.SignNonce(make([]byte, 16), p.Key, p.Certificate())
			respond(t, conn, signature, err)
		}, 1003},
		"signature for another purpose": {nil, func(t *testing.T, conn *websocket.Conn) {
			challenge, err := poweb.ParseChallenge(receive(t, conn))
			if err != nil {
				t.Fatal(err)
			}
			signature, err := poweb.CountersignParcel(challenge.Nonce, p.Key, p.Certificate())
			respond(t, conn, signature, err)
		}, 1003},
		"a stranger among the signers": {nil, func(t *testing.T, conn *websocket.Conn) {
			challenge, err := poweb.ParseChallenge(receive(t, conn))
			if err != nil {
				t.Fatal(err)
			}
			good, err := poweb.SignNonce(challenge.Nonce, p.Key, p.Certificate())
			if err != nil {
				t.Fatal(err)
			}
			bad, err := poweb.SignNonce(challenge.Nonce, stranger, strangers)
			if err != nil {
				t.Fatal(err)
			}
			der, err := poweb.Response{NonceSignatures: [][]byte{good, bad}}.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			send(t, conn, websocket.MessageBinary, der)
		}, 1003},
		"unknown acknowledgement": {nil, func(t *testing.T, conn *websocket.Conn) {
			shakeHands(t, conn, p.PrivateGateway)
			receive(t, conn)
			send(t, conn, websocket.MessageText, []byte("nonsense"))
		}, 1003},
		"two acknowledgements run together": {nil, func(t *testing.T, conn *websocket.Conn) {
			shakeHands(t, conn, p.PrivateGateway)
			id := deliveryID(t, receive(t, conn))
			send(t, conn, websocket.MessageText, append(id, id...))
		}, 1003},
		"message out of turn": {nil, func(t *testing.T, conn *websocket.Conn) {
			shakeHands(t, conn, empty.PrivateGateway)
			send(t, conn, websocket.MessageText, []byte("hello"))
		}, 1003},
		"nothing to collect": {upon, func(t *testing.T, conn *websocket.Conn) { shakeHands(t, conn, empty.PrivateGateway) }, 1000},
		"nothing to collect, header of the specification": {http.Header{"X-Awala-Streaming-Mode": {"Close-Upon-Completion"}},
			func(t *testing.T, conn *websocket.Conn) { shakeHands(t, conn, empty.PrivateGateway) }, 1000},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, g, tc.header)
			tc.client(t, conn)
			if got := closeCode(t, conn); got != tc.want {
				t.Errorf("closed with %d, want %d", got, tc.want)
			}
		})
	}
	if got := len(p.all(t)); got != 2 {
		t.Errorf("%d parcels are left, want 2", got)
	}
}

func TestTooLargeAMessageEndsTheCollection(t *testing.T) {
	g := newGateway(t)
	conn := dial(t, g, nil)
	receive(t, conn)
	// The server closes before it has read all, so that the client may get an
	// error instead of the code.
	_ = conn.Write(t.Context(), websocket.MessageBinary, make([]byte, 1<<20))
	if got := closeCode(t, conn); got != websocket.StatusMessageTooBig && got != -1 {
		t.Errorf("closed with %d", got)
	}
}

func respond(t testing.TB, conn *websocket.Conn, signature []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	der, err := poweb.Response{NonceSignatures: [][]byte{signature}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	send(t, conn, websocket.MessageBinary, der)
}

func deliveryID(t testing.TB, message []byte) []byte {
	t.Helper()
	d, err := poweb.ParseParcelDelivery(message)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(d.ID)
}

func TestBinaryAcknowledgements(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 2)
	conn := dial(t, g, http.Header{"X-Relaynet-Streaming-Mode": {"close-upon-completion"}})
	shakeHands(t, conn, p.PrivateGateway)
	first := deliveryID(t, receive(t, conn))
	send(t, conn, websocket.MessageBinary, first)
	second := deliveryID(t, receive(t, conn))
	if bytes.Equal(first, second) {
		t.Error("two deliveries have the same id")
	}
	send(t, conn, websocket.MessageText, second)
	if got := closeCode(t, conn); got != 1000 {
		t.Errorf("closed with %d", got)
	}
}

func TestTheLastAcknowledgementCountsThoughTheClientLeaves(t *testing.T) {
	g := newGateway(t)
	p := newPair(t, g)
	p.queue(t, 1)
	conn := dial(t, g, nil)
	shakeHands(t, conn, p.PrivateGateway)
	send(t, conn, websocket.MessageText, deliveryID(t, receive(t, conn)))
	_ = conn.CloseNow()
	if err := g.server.Drain(t.Context()); err != nil { // waits for the collection
		t.Fatal(err)
	}
	items, err := g.Reader.Pending(t.Context(), p.ID(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]projections.Item(nil), items); diff != "" {
		t.Errorf("still queued: %s", diff)
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
