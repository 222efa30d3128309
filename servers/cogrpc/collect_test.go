package cogrpc_test

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/servers/cogrpc/cargorelay"
	"awala.network/gateway/servers/internal/servertest"
)

// TestCollectStatuses holds the server to the status codes by which couriers decide
// what to do with a CCA.
func TestCollectStatuses(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	used := cca(t, p)
	if _, err := g.collect(t, p, used); err != nil {
		t.Fatal(err)
	}
	written := func(by func(*ramf.Message)) string {
		m := p.NewMessage(ramf.TypeCCA)
		by(m)
		raw, err := p.Seal(t.Context(), m, []byte("no request"))
		if err != nil {
			t.Fatal(err)
		}
		return header(raw)
	}
	unsealed := p.NewMessage(ramf.TypeCCA)
	unsealed.Payload = []byte("no envelope")
	raw, err := unsealed.Sign(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	// An endpoint's word to its private gateway is sound, but not for us.
	misdirected := p.NewMessage(ramf.TypeCCA)
	misdirected.Recipient.ID, misdirected.Sender = p.ID(), p.endpoint.Certificate()
	misdirected.Attached = []*pki.Certificate{p.Certificate}
	other, err := misdirected.Sign(p.endpoint.Key())
	if err != nil {
		t.Fatal(err)
	}
	good := base64.StdEncoding.EncodeToString(cca(t, p))
	tests := map[string]struct {
		values []string
		want   codes.Code
	}{
		"no authorisation":      {nil, codes.Unauthenticated},
		"two":                   {[]string{"Relaynet-CCA " + good, "Relaynet-CCA " + good}, codes.Unauthenticated},
		"another scheme":        {[]string{"Bearer " + good}, codes.Unauthenticated},
		"no value":              {[]string{"Relaynet-CCA"}, codes.Unauthenticated},
		"an empty value":        {[]string{"Relaynet-CCA "}, codes.Unauthenticated},
		"no base64":             {[]string{"Relaynet-CCA ???"}, codes.Unauthenticated},
		"no message":            {[]string{header([]byte("noise"))}, codes.Unauthenticated},
		"a cargo":               {[]string{header(cargo(t, p))}, codes.Unauthenticated},
		"expired":               {[]string{written(func(m *ramf.Message) { m.TTL = time.Second })}, codes.Unauthenticated},
		"for another gateway":   {[]string{written(func(m *ramf.Message) { m.Recipient.ID = "0" + m.Recipient.ID[:64] })}, codes.Unauthenticated},
		"for its own gateway":   {[]string{header(other)}, codes.InvalidArgument},
		"not encrypted":         {[]string{header(raw)}, codes.Unauthenticated},
		"no collection request": {[]string{written(func(*ramf.Message) {})}, codes.Unauthenticated},
		"used":                  {[]string{header(used)}, codes.PermissionDenied},
		"good":                  {[]string{"Relaynet-CCA " + good}, codes.OK},
		"of RS-008":             {[]string{"Awala-CCA " + base64.StdEncoding.EncodeToString(cca(t, p))}, codes.OK},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			for _, v := range tc.values {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", v)
			}
			stream, err := g.client.CollectCargo(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			wantCode(t, err, tc.want)
		})
	}
}

// TestConcurrentUse shows that a CCA in use is not refused for ever, and that a
// broken collection is repeated with it.
func TestConcurrentUse(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	g.queue(t, p, 3, 100)
	authorization := cca(t, p)
	first, cancel := g.collecting(t, header(authorization))
	if _, err := first.Recv(); err != nil {
		t.Fatal(err)
	}
	_, err := g.collect(t, p, authorization)
	wantCode(t, errors.Unwrap(err), codes.Unavailable)
	cancel() // without an acknowledgement
	g.logs.await(t, "code=Canceled")
	if n, err := g.collect(t, p, authorization); n != 3 || err != nil {
		t.Fatalf("repeated: %d items, %v", n, err)
	}
	_, err = g.collect(t, p, authorization)
	wantCode(t, errors.Unwrap(err), codes.PermissionDenied)
}

func TestWindowOfUnacknowledgedCargo(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	g.queue(t, p, 24, 1<<20)
	stream, _ := g.collecting(t, header(cca(t, p)))
	received := make(chan *cargorelay.CargoDelivery, 100)
	ended := make(chan error, 1)
	go func() {
		for {
			d, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			received <- d
		}
	}()
	var ids []string
	for range 5 {
		ids = append(ids, (<-received).GetId())
	}
	select {
	case <-received:
		t.Error("more than five unacknowledged cargoes")
	case <-time.After(300 * time.Millisecond):
	}
	for ; ; ids = ids[1:] {
		for len(ids) == 0 {
			select {
			case d := <-received:
				ids = append(ids, d.GetId())
			case err := <-ended:
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				return
			}
		}
		// What is unknown or repeated means nothing.
		for _, id := range []string{"unknown", ids[0], ids[0]} {
			if err := stream.Send(&cargorelay.CargoDeliveryAck{Id: id}); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
	}
}

func TestClientThatNeverAcknowledges(t *testing.T) {
	g := newGateway(t)
	g.server.SetProgress(200 * time.Millisecond)
	p := g.register(t)
	g.queue(t, p, 1, 100)
	authorization := cca(t, p)
	stream, _ := g.collecting(t, header(authorization))
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	_, err := stream.Recv()
	wantCode(t, err, codes.Unavailable)
	if n, err := g.collect(t, p, authorization); n != 1 || err != nil {
		t.Errorf("afterwards: %d items, %v", n, err)
	}
}

// TestClientThatClosesItsHalf gets its cargo, but does not use up the CCA.
func TestClientThatClosesItsHalf(t *testing.T) {
	g := newGateway(t)
	p := g.register(t)
	g.queue(t, p, 24, 1<<20)
	authorization := cca(t, p)
	stream, _ := g.collecting(t, header(authorization))
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	items := 0
	for {
		d, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		set, err := p.OpenCargo(t.Context(), d.GetCargo())
		if err != nil {
			t.Fatal(err)
		}
		items += len(set)
	}
	if items != 24 {
		t.Errorf("%d items", items)
	}
	if n, err := g.collect(t, p, authorization); n != 24 || err != nil {
		t.Errorf("afterwards: %d items, %v", n, err)
	}
}

func TestCollectionOutages(t *testing.T) {
	tests := map[string]func(*gateway){
		"session key not saved": func(g *gateway) { g.Secrets.Fault.Before(1, servertest.ErrInjected) },
		"parcel not fetched":    func(g *gateway) { g.Blobs.GetFault.Before(1, servertest.ErrInjected) },
		"key not learnt":        func(g *gateway) { g.Log.Fault.Before(1, servertest.ErrInjected) },
		// The first write records the peer's session key.
		"fulfilment not recorded": func(g *gateway) { g.Log.Fault.Later(1, servertest.ErrInjected) },
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			p := g.register(t)
			g.queue(t, p, 1, 100)
			authorization := cca(t, p)
			fail(g)
			_, err := g.collect(t, p, authorization)
			wantCode(t, errors.Unwrap(err), codes.Unavailable)
			if n, err := g.collect(t, p, authorization); n != 1 || err != nil {
				t.Errorf("afterwards: %d items, %v", n, err)
			}
		})
	}
}

// TestStop shows that open calls do not keep the server from stopping in time. One that
// has nothing in hand is told of the stop; one that waits for an acknowledgement is cut
// off.
func TestStop(t *testing.T) {
	g := newGateway(t)
	g.server.SetFarewell(50 * time.Millisecond)
	p := g.register(t)
	g.queue(t, p, 1, 100)
	collecting, _ := g.collecting(t, header(cca(t, p)))
	if _, err := collecting.Recv(); err != nil {
		t.Fatal(err)
	}
	delivering, err := g.client.DeliverCargo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := delivering.Send(&cargorelay.CargoDelivery{Id: "one", Cargo: cargo(t, p)}); err != nil {
		t.Fatal(err)
	}
	if _, err := delivering.Recv(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	g.stop()
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("the stop took %v", took)
	}
	_, err = delivering.Recv()
	wantCode(t, err, codes.Unavailable)
	if !strings.Contains(err.Error(), "stopping") {
		t.Errorf("error %v, want to be told of the stop", err)
	}
}

// TestFarewell has a courier end its call by itself while the server stops: it hears of
// no failure.
func TestFarewell(t *testing.T) {
	g := newGateway(t)
	g.server.SetFarewell(4 * time.Second)
	p := g.register(t)
	before, meanwhile := cargo(t, p), cargo(t, p)
	delivering, err := g.client.DeliverCargo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(id string, raw []byte) {
		t.Helper()
		if err := delivering.Send(&cargorelay.CargoDelivery{Id: id, Cargo: raw}); err != nil {
			t.Fatal(err)
		}
		if ack, err := delivering.Recv(); ack.GetId() != id {
			t.Fatalf("%v, %v", ack, err)
		}
	}
	deliver("before", before)
	watch, err := grpc_health_v1.NewHealthClient(g.courier.Conn()).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); g.stop() }()
	if _, err := watch.Recv(); err == nil {
		t.Error("the watch goes on")
	}
	deliver("meanwhile", meanwhile)
	if err := delivering.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := delivering.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("error %v, want none", err)
	}
	<-stopped
}
