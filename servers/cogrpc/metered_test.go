package cogrpc_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/servers/cogrpc"
	"awala.network/gateway/servers/cogrpc/cargorelay"
	"awala.network/gateway/servers/internal/servertest"
)

// counting takes cargo when it is told to, and keeps count of what is in hand.
type counting struct {
	mu           sync.Mutex
	inHand, most int
	entered      chan struct{}
	goOn         chan struct{}
}

func (c *counting) Receive(context.Context, []byte) (handlers.ReceivedCargo, error) {
	c.mu.Lock()
	c.inHand++
	c.most = max(c.most, c.inHand)
	c.mu.Unlock()
	c.entered <- struct{}{}
	<-c.goOn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inHand--
	return handlers.ReceivedCargo{}, nil
}

// TestMemoryBoundsCargo has twenty couriers deliver a MiB each with memory for three
// (each is in memory twice): no more are ever in hand, and all are taken in the end.
func TestMemoryBoundsCargo(t *testing.T) {
	const couriers, room = 20, 3
	receiver := &counting{entered: make(chan struct{}, couriers), goOn: make(chan struct{})}
	g := newGateway(t, func(c *cogrpc.Config) {
		c.Receiver = receiver
		// An eighth is for small messages; who has half of the rest may not have more.
		c.Guard = servertest.NewGuard(t, limits.Options{Memory: 8 << 20, Wait: time.Minute, Exempt: loopback})
	})
	var all sync.WaitGroup
	for range couriers {
		all.Go(func() {
			courier, err := courierclient.New(g.courier.Conn().Target())
			if err != nil {
				t.Error(err)
				return
			}
			defer courier.Close()
			if _, err := courier.Deliver(t.Context(), make([]byte, 1<<20)); err != nil {
				t.Error(err)
			}
		})
	}
	for range room {
		<-receiver.entered
	}
	close(receiver.goOn)
	all.Wait()
	if receiver.most > room {
		t.Errorf("%d cargoes in hand", receiver.most)
	}
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// TestNoMemoryForCargo: a courier whose cargo does not get memory in time is told to
// try again, and does not keep a small one out.
func TestNoMemoryForCargo(t *testing.T) {
	receiver := &counting{entered: make(chan struct{}, 3), goOn: make(chan struct{})}
	g := newGateway(t, func(c *cogrpc.Config) {
		c.Receiver = receiver
		c.Guard = servertest.NewGuard(t, limits.Options{Memory: 2 << 20, Wait: 50 * time.Millisecond})
	})
	first := make(chan error, 1)
	go func() {
		_, err := g.courier.Deliver(t.Context(), make([]byte, 1<<20))
		first <- err
	}()
	<-receiver.entered
	_, err := g.courier.Deliver(t.Context(), make([]byte, 1<<20))
	wantCode(t, errors.Unwrap(err), codes.Unavailable)
	close(receiver.goOn)
	if _, err := g.courier.Deliver(t.Context(), make([]byte, 1<<10)); err != nil {
		t.Error(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestCodec holds our reading and writing of cargo to the common one.
func TestCodec(t *testing.T) {
	codec := cogrpc.NewCodec()
	rapid.Check(t, func(t *rapid.T) {
		want := &cargorelay.CargoDelivery{
			Id: rapid.String().Draw(t, "id"), Cargo: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "cargo"),
		}
		written, err := codec.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var ours, common cargorelay.CargoDelivery
		if err := proto.Unmarshal(written.Materialize(), &common); err != nil || !proto.Equal(&common, want) {
			t.Fatalf("the common codec reads %v (%v)", &common, err)
		}
		raw, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.IntRange(0, len(raw)).Draw(t, "cut")
		pieces := mem.BufferSlice{mem.SliceBuffer(raw[:cut]), mem.SliceBuffer(raw[cut:])}
		if err := codec.Unmarshal(pieces, &ours); err != nil || !proto.Equal(&ours, want) {
			t.Fatalf("ours reads %v (%v)", &ours, err)
		}
	})
}

// FuzzCodec wants the same of any octets, or an error of both.
func FuzzCodec(f *testing.F) {
	f.Add([]byte{0x0a, 1, 'i', 0x12, 2, 'c', 'c'})
	f.Add([]byte{0x0a, 1, 0xff})
	f.Add([]byte{0x1a, 1, 'u', 0x12, 0x80})
	codec := cogrpc.NewCodec()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var ours, common cargorelay.CargoDelivery
		err := codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(raw)}, &ours)
		if want := proto.Unmarshal(raw, &common); (err == nil) != (want == nil) {
			t.Fatalf("ours: %v, common: %v", err, want)
		}
		if err == nil && !proto.Equal(&ours, &common) {
			t.Fatalf("ours: %v, common: %v", &ours, &common)
		}
	})
}
