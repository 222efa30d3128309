package cogrpc

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/servers/cogrpc/cargorelay"
)

// flood is the stream of a client that sends as much as is taken from it.
type flood struct {
	deliveryStream
	ctx   context.Context
	taken atomic.Int64
}

// Context is the call's.
func (f *flood) Context() context.Context { return f.ctx }

// Recv yields another cargo of 4 MiB.
func (f *flood) Recv() (*cargorelay.CargoDelivery, error) {
	if f.ctx.Err() != nil {
		return nil, f.ctx.Err()
	}
	f.taken.Add(1)
	return &cargorelay.CargoDelivery{Cargo: make([]byte, 4<<20)}, nil
}

// TestFloodOfCargoIsLeftOutside has calls that send without end while storage hangs:
// what is not in the memory for cargo, but for one message of each call, stays with the
// clients.
func TestFloodOfCargoIsLeftOutside(t *testing.T) {
	s, err := New(Config{Registerer: prometheus.NewRegistry(), CargoMemory: 40 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	const calls, fitting = 8, 10
	done := make(chan struct{})
	taken, floods := make(chan received), make([]*flood, calls)
	var passing sync.WaitGroup
	for i := range floods {
		floods[i] = &flood{ctx: ctx}
		incoming := (&delivery{Server: s, ctx: ctx, stream: floods[i]}).read(done)
		passing.Go(func() {
			for {
				select {
				case in := <-incoming:
					taken <- in
				case <-done:
					return
				}
			}
		})
	}
	for range fitting {
		if in := <-taken; in.err != nil {
			t.Fatal(in.err)
		}
	}
	if s.memory.TryAcquire(4 << 20) {
		t.Error("ten cargoes left room for another")
	}
	inside := int64(0)
	for _, f := range floods {
		inside += f.taken.Load()
	}
	if inside > fitting+calls {
		t.Errorf("%d cargoes were taken in", inside)
	}
	hangUp()
	for range calls { // each waits for its share, and fails
		if in := <-taken; in.err == nil {
			t.Error("there was room for another")
		}
	}
	close(done)
	passing.Wait()
	s.memory.Release(fitting * 4 << 20)
	if !s.memory.TryAcquire(40 << 20) {
		t.Error("some of the memory was not given back")
	}
	s.readers.Wait()
}
