package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/workers/delivery"
)

// What the network of the test does: in a bubble of testing/synctest, so that the
// figures are exact whatever else the machine does.
const (
	healthyTime = 5 * time.Millisecond
	hangTime    = 60 * time.Second
	recordTime  = time.Millisecond
)

// network answers by the name of the destination, and counts what is in flight.
type network struct {
	inFlight, most atomic.Int64

	mu        sync.Mutex
	delivered map[string]int
}

func (n *network) deliver(ctx context.Context, address string, _ []byte) pohttp.Result {
	if now := n.inFlight.Add(1); now > n.most.Load() {
		n.most.Store(now)
	}
	defer n.inFlight.Add(-1)
	wait, result := healthyTime, pohttp.Result{Verdict: pohttp.Done, Stage: pohttp.StageAnswer, Status: 202}
	switch {
	case strings.HasPrefix(address, "hanging"):
		wait, result = hangTime, pohttp.Result{Stage: pohttp.StageRequest, Cause: "the server was too slow"}
	case strings.HasPrefix(address, "refusing"):
		wait, result = time.Millisecond, pohttp.Result{Stage: pohttp.StageConnect, Cause: "connection refused"}
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delivered[address]++
	return result
}

// running is a worker at work in a bubble.
type running struct {
	ctx   context.Context
	world *world
	net   *network
	queue *delivery.Queue
	stop  func()
}

func run(t *testing.T, limits delivery.Limits) *running {
	t.Helper()
	w := newWorld()
	time.Sleep(time.Until(today)) // the bubble begins in 2000
	w.real, w.appended = true, make(chan struct{}, 1)
	net := &network{delivered: map[string]int{}}
	k := w.startWorker(net.deliver, limits, 0)
	metrics, err := delivery.NewMetrics(prometheus.NewRegistry(), k.queue, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	runner := &delivery.Runner{
		Queue: k.queue, Handler: k.handler, Metrics: metrics, Logger: discard, Now: time.Now, Drain: time.Second,
	}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { _ = runner.Run(ctx) })
	parts.Go(func() {
		for {
			select {
			case <-w.appended:
				time.Sleep(recordTime) // what the history takes
				k.catchUp()
			case <-ctx.Done():
				return
			}
		}
	})
	return &running{ctx: ctx, world: w, net: net, queue: k.queue, stop: func() { cancel(); parts.Wait() }}
}

// probe sends parcels at a steady pace and returns what delivery took, sorted.
func (r *running) probe(t *testing.T, from, count int, destination string) []time.Duration {
	t.Helper()
	var took []time.Duration
	for n := range count {
		start := time.Now()
		e := r.world.accept(from+n, destination, 48*time.Hour)
		for !r.world.ended(e.ID) {
			time.Sleep(time.Millisecond)
			if time.Since(start) > time.Hour {
				t.Fatalf("parcel %d for %s is not delivered", n, destination)
			}
		}
		took = append(took, time.Since(start))
		time.Sleep(10 * time.Millisecond)
	}
	slices.Sort(took)
	return took
}

// TestIsolation delivers to a healthy destination while 10,000 parcels are queued
// for destinations that hang or refuse: the p99 is at most twice what it is
// without them, also for a destination of which nothing was known, and no more
// attempts are in flight than allowed.
func TestIsolation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := delivery.Limits{Total: 256, PerDestination: 16}
		r := run(t, limits)
		defer r.stop()
		alone := r.probe(t, 0, 200, "healthy.test")
		for n := range 10_000 {
			kind := []string{"hanging", "refusing"}[n%2]
			r.world.accept(1000+n, fmt.Sprintf("%s%d.test", kind, n%100), 48*time.Hour)
		}
		time.Sleep(100 * time.Millisecond)
		crowded := r.probe(t, 20_000, 200, "healthy.test")
		unheard := r.probe(t, 30_000, 200, "new.test")
		p99 := func(sorted []time.Duration) time.Duration { return sorted[len(sorted)*99/100] }
		t.Logf("p99 alone %v, crowded %v, new destination %v; at most %d in flight",
			p99(alone), p99(crowded), p99(unheard), r.net.most.Load())
		if p99(crowded) > 2*p99(alone) {
			t.Errorf("p99 %v with a crowd, %v without", p99(crowded), p99(alone))
		}
		if p99(unheard) > 2*p99(alone)+2*time.Second {
			t.Errorf("p99 %v to a new destination, %v without a crowd", p99(unheard), p99(alone))
		}
		if most := r.net.most.Load(); most > int64(2*limits.Total) {
			t.Errorf("%d in flight", most)
		}
	})
}

// TestBreakerProbes counts the attempts at a destination that is dead for hours
// and has a thousand parcels: they are probes, not a thousand retries.
func TestBreakerProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, delivery.Limits{Total: 64, PerDestination: 8})
		defer r.stop()
		for n := range 1000 {
			r.world.accept(n, "refusing.test", 48*time.Hour)
		}
		time.Sleep(6 * time.Hour)
		r.net.mu.Lock()
		attempts := r.net.delivered["refusing.test"]
		r.net.mu.Unlock()
		if attempts < 20 || attempts > 60 {
			t.Errorf("%d attempts in six hours", attempts)
		}
		stats := r.queue.Destinations(time.Now())
		if len(stats) != 1 || stats[0].Waiting != 1000 || stats[0].Breaker == delivery.BreakerClosed || stats[0].LastError == "" {
			t.Errorf("%+v", stats)
		}
	})
}
