package cogrpc_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/servers/cogrpc"
	"awala.network/gateway/servers/cogrpc/cargorelay"
	"awala.network/gateway/servers/internal/servertest"
)

func TestDeliver(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	cargoes := [][]byte{cargo(t, p, parcel(t, p, p, nil))}
	if n, err := g.courier.Deliver(t.Context(), cargoes...); n != 1 || err != nil {
		t.Fatalf("one: %d acknowledged, %v", n, err)
	}
	for range 50 {
		cargoes = append(cargoes, cargo(t, p, parcel(t, p, p, nil)))
	}
	began := time.Now()
	if n, err := g.courier.Deliver(t.Context(), cargoes[1:]...); n != 50 || err != nil {
		t.Fatalf("fifty: %d acknowledged, %v", n, err)
	}
	t.Logf("50 cargoes acknowledged in %v", time.Since(began))
	if got := g.cargoTypes(t)["cargo-received.v1"]; got != 51 {
		t.Errorf("%d cargoes recorded", got)
	}
	if stored := g.Stored(); len(stored.Parcels) != 51 {
		t.Errorf("%d cargoes stored", len(stored.Parcels))
	}
	g.unwrapAll(t)
	if items, err := g.Reader.Pending(t.Context(), p.ID(), 0, 100); err != nil || len(items) != 51 {
		t.Errorf("%d parcels queued, %v", len(items), err)
	}
}

// TestCancelledDeliveryIsASuccess waits for the server's own view of a call that the
// client, as released ones do, ended by cancelling.
func TestCancelledDeliveryIsASuccess(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	if _, err := g.courier.Deliver(t.Context(), cargo(t, p)); err != nil {
		t.Fatal(err)
	}
	if log := g.logs.await(t, "rpc=DeliverCargo"); !strings.Contains(log, "code=OK") || !strings.Contains(log, "stored=1") {
		t.Errorf("logged %s", log)
	}
}

// TestSilentDeliveryEnds has a client that opens a call and sends nothing, as one does
// that wants to take all calls that the server admits.
func TestSilentDeliveryEnds(t *testing.T) {
	g := newGateway(t)
	g.server.SetSilence(50 * time.Millisecond)
	stream, err := g.client.DeliverCargo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantCode(t, err, codes.Unavailable)
}

func TestBothNamesOfTheService(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	for _, name := range []string{"relaynet.cogrpc.CargoRelay", "awala.cogrpc.CargoRelay"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		stream, err := g.courier.Conn().NewStream(ctx, &cargorelay.CargoRelay_ServiceDesc.Streams[0], "/"+name+"/DeliverCargo")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(&cargorelay.CargoDelivery{Id: "the id", Cargo: cargo(t, p)}); err != nil {
			t.Fatal(err)
		}
		var ack cargorelay.CargoDeliveryAck
		if err := stream.RecvMsg(&ack); err != nil || ack.GetId() != "the id" {
			t.Errorf("%s: %v, %v", name, &ack, err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&ack); !errors.Is(err, io.EOF) {
			t.Errorf("%s: after the half-close: %v", name, err)
		}
		cancel()
	}
}

func TestRefusedCargoIsAcknowledged(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	good := cargo(t, p)
	flipped := slices.Clone(good)
	flipped[len(flipped)-1] ^= 1
	before := g.Stored()
	if n, err := g.courier.Deliver(t.Context(), nil, []byte("noise"), flipped, good[:100], parcel(t, p, p, nil)); n != 5 || err != nil {
		t.Fatalf("%d acknowledged, %v", n, err)
	}
	if diff := len(g.Stored().Parcels) - len(before.Parcels); diff != 0 {
		t.Errorf("%d blobs stored", diff)
	}
	if types := g.cargoTypes(t); types["cargo-rejected.v1"] != 5 || len(types) != 1 {
		t.Errorf("recorded %v", types)
	}
}

func TestStorageFailuresAreNotAcknowledged(t *testing.T) {
	tests := map[string]func(*gateway){
		"blob not stored":    func(g *gateway) { g.Blobs.PutFault.Before(1, servertest.ErrInjected) },
		"blob stored":        func(g *gateway) { g.Blobs.PutFault.After(1, servertest.ErrInjected) },
		"event not recorded": func(g *gateway) { g.Log.Fault.Before(1, servertest.ErrInjected) },
		"event recorded":     func(g *gateway) { g.Log.Fault.After(1, servertest.ErrInjected) },
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			p := g.register(t)
			raw := cargo(t, p, parcel(t, p, p, nil))
			fail(g)
			n, err := g.courier.Deliver(t.Context(), raw)
			wantCode(t, errors.Unwrap(err), codes.Unavailable)
			if n != 0 {
				t.Error("it was acknowledged")
			}
			if n, err := g.courier.Deliver(t.Context(), raw); n != 1 || err != nil {
				t.Fatalf("again: %d acknowledged, %v", n, err)
			}
			if types, stored := g.cargoTypes(t), g.Stored(); types["cargo-received.v1"] != 1 || len(stored.Parcels) != 1 {
				t.Errorf("%v, %v", types, stored.Parcels)
			}
		})
	}
}

// blocking is a receiver that holds every cargo until it is told what to do.
type blocking struct {
	entered chan struct{}
	results chan error
}

func (b *blocking) Receive(context.Context, []byte) (handlers.ReceivedCargo, error) {
	b.entered <- struct{}{}
	return handlers.ReceivedCargo{}, <-b.results
}

// TestOneFailureDoesNotSpoilTheRest shows that cargoes are stored together, a
// bounded number of them, and that what is in hand when one fails is acknowledged.
func TestOneFailureDoesNotSpoilTheRest(t *testing.T) {
	const cargoes = 20
	b := &blocking{entered: make(chan struct{}, cargoes), results: make(chan error)}
	g := newGateway(t, func(c *cogrpc.Config) { c.Receiver = b })
	t.Cleanup(func() { close(b.results) })
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := g.courier.Deliver(t.Context(), make([][]byte, cargoes)...)
		done <- result{n, err}
	}()
	for range 8 {
		<-b.entered
	}
	select {
	case <-b.entered:
		t.Error("more than eight cargoes at once")
	case <-time.After(50 * time.Millisecond):
	}
	b.results <- servertest.ErrInjected
	// Once it is counted the call takes nothing further in.
	g.awaitFailure(t)
	for range 7 {
		b.results <- nil
	}
	select {
	case got := <-done:
		wantCode(t, errors.Unwrap(got.err), codes.Unavailable)
		if got.n != 7 {
			t.Errorf("7 stored, %d acknowledged", got.n)
		}
	case <-b.entered:
		t.Error("another cargo is taken in after the failure")
	}
}

// awaitFailure returns when a call knows that a cargo of it could not be stored.
func (g *gateway) awaitFailure(t *testing.T) {
	t.Helper()
	const counter = "awala_cogrpc_cargoes_received_total"
	want := "# HELP " + counter + " Cargoes that couriers delivered, by what became of them.\n" +
		"# TYPE " + counter + " counter\n" + counter + `{outcome="failed"} 1` + "\n"
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := testutil.GatherAndCompare(g.registry, strings.NewReader(want), counter)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestVolumeOfOneCourier(t *testing.T) {
	g := newGateway(t, func(c *cogrpc.Config) {
		c.Guard = servertest.NewGuard(t, limits.Options{AddressVolume: limits.Rate{Events: 10_000, Per: time.Hour}})
	})
	if n, err := g.courier.Deliver(t.Context(), make([]byte, 6000)); n != 1 || err != nil {
		t.Errorf("%d acknowledged, %v", n, err)
	}
	n, err := g.courier.Deliver(t.Context(), make([]byte, 6000))
	wantCode(t, errors.Unwrap(err), codes.Unavailable)
	if n != 0 {
		t.Error("it was acknowledged")
	}
}

type panicking struct{}

func (panicking) Receive(context.Context, []byte) (handlers.ReceivedCargo, error) {
	panic("at the cargo")
}

func TestPanicEndsTheCallAlone(t *testing.T) {
	g := newGateway(t, func(c *cogrpc.Config) { c.Receiver = panicking{} })
	for range 2 {
		_, err := g.courier.Deliver(t.Context(), nil)
		wantCode(t, errors.Unwrap(err), codes.Unavailable)
	}
	if !strings.Contains(g.logs.await(t, "panicked"), "at the cargo") {
		t.Error("the panic is not logged")
	}
}

func TestTooLongMessage(t *testing.T) {
	g := newGateway(t)
	_, err := g.courier.Deliver(t.Context(), make([]byte, cogrpc.MaxMessageLen))
	wantCode(t, errors.Unwrap(err), codes.ResourceExhausted)
	if n, err := g.courier.Deliver(t.Context(), make([]byte, cogrpc.MaxMessageLen-100)); n != 1 || err != nil {
		t.Errorf("the longest: %d acknowledged, %v", n, err)
	}
}

func TestLongestCargo(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	longest := parcel(t, p, p, make([]byte, 8_300_000))
	if n, err := g.courier.Deliver(t.Context(), cargo(t, p, longest)); n != 1 || err != nil {
		t.Fatalf("%d acknowledged, %v", n, err)
	}
	g.unwrapAll(t)
	if types := g.cargoTypes(t); types[events.CargoUnwrapped{}.EventType()] != 1 {
		t.Errorf("recorded %v", types)
	}
	items, err := g.collect(t, p, cca(t, p))
	if items != 2 || err != nil { // with its acknowledgement
		t.Errorf("collected %d items, %v", items, err)
	}
}
