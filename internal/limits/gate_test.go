package limits_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"awala.network/gateway/internal/limits"
)

// enter takes n for a client, which must succeed.
func enter(t *testing.T, g *limits.Gate, client netip.Prefix, n int64) (release func()) {
	t.Helper()
	release, err := g.Enter(t.Context(), client, false, n)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestGateKeepsAPartFromEachClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limits.NewGate(10, 6, 100)
		for range 6 {
			enter(t, g, alice, 1)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Enter(ctx, alice, false, 1); !errors.Is(err, limits.ErrBusy) {
			t.Errorf("over her share: %v", err)
		}
		for range 4 {
			enter(t, g, bob, 1) // at once: nothing else runs here
		}
	})
}

func TestExemptMayHaveAll(t *testing.T) {
	g := limits.NewGate(10, 2, 1)
	for range 10 {
		if _, err := g.Enter(t.Context(), alice, true, 1); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGateTakesTurnsByClient queues a crowd of one client before the only request
// of another: that one is next but one.
func TestGateTakesTurnsByClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limits.NewGate(1, 1, 100)
		first := enter(t, g, alice, 1)
		var served atomic.Int64
		var crowd sync.WaitGroup
		for range 50 {
			crowd.Go(func() {
				release := enter(t, g, alice, 1)
				served.Add(1)
				time.Sleep(time.Millisecond)
				release()
			})
		}
		synctest.Wait()
		var before int64
		crowd.Go(func() {
			release := enter(t, g, bob, 1)
			before = served.Load()
			release()
		})
		synctest.Wait()
		first()
		crowd.Wait()
		if before > 1 {
			t.Errorf("%d of the crowd came first", before)
		}
	})
}

// TestLargeIsNotStarved has a client that wants all of the capacity wait while
// others come and go with small parts of it.
func TestLargeIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limits.NewGate(4, 4, 100)
		small := []func(){enter(t, g, alice, 1), enter(t, g, bob, 1)}
		large := make(chan struct{})
		go func() {
			defer close(large)
			enter(t, g, carol, 4)()
		}()
		synctest.Wait()
		late := make(chan struct{})
		go func() {
			defer close(late)
			enter(t, g, alice, 1)()
		}()
		synctest.Wait()
		select {
		case <-late:
			t.Error("one who came later was served before the large one")
		default:
		}
		small[0]()
		small[1]()
		<-large
		<-late
	})
}

func TestTooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limits.NewGate(1, 1, 1)
		release := enter(t, g, alice, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			enter(t, g, alice, 1)()
		}()
		synctest.Wait()
		if _, err := g.Enter(t.Context(), alice, false, 1); !errors.Is(err, limits.ErrBusy) {
			t.Errorf("the second one to wait: %v", err)
		}
		release()
		<-done
	})
}

// TestGateProperties lets clients come, wait, give up and leave in any order. At no
// time may more be held than there is or, by one client, than its share (unless it
// holds one thing only), and in the end nothing is.
func TestGateProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		capacity := rapid.Int64Range(1, 20).Draw(r, "capacity")
		share := rapid.Int64Range(1, capacity).Draw(r, "share")
		plans := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) plan {
			return plan{
				client: rapid.SampledFrom([]netip.Prefix{alice, bob, carol}).Draw(r, "client"),
				n:      rapid.Int64Range(1, 25).Draw(r, "n"),
				after:  time.Duration(rapid.IntRange(0, 20).Draw(r, "after")) * time.Millisecond,
				wait:   time.Duration(rapid.IntRange(1, 20).Draw(r, "wait")) * time.Millisecond,
				hold:   time.Duration(rapid.IntRange(0, 20).Draw(r, "hold")) * time.Millisecond,
			}
		}), 1, 30).Draw(r, "plans")
		synctest.Test(t, func(*testing.T) {
			g := limits.NewGate(capacity, share, 5)
			books := books{held: map[netip.Prefix]int64{}, things: map[netip.Prefix]int{}}
			var all sync.WaitGroup
			for _, p := range plans {
				all.Go(func() { p.run(g, capacity, share, &books) })
			}
			all.Wait()
			if books.fault != "" {
				r.Fatal(books.fault)
			}
			if g.Held() != 0 {
				r.Fatalf("%d held in the end", g.Held())
			}
		})
	})
}

type plan struct {
	client            netip.Prefix
	n                 int64
	after, wait, hold time.Duration
}

type books struct {
	mu     sync.Mutex
	held   map[netip.Prefix]int64
	things map[netip.Prefix]int
	all    int64
	fault  string
}

func (p plan) run(g *limits.Gate, capacity, share int64, b *books) {
	time.Sleep(p.after)
	ctx, cancel := context.WithTimeout(context.Background(), p.wait)
	defer cancel()
	release, err := g.Enter(ctx, p.client, false, p.n)
	if err != nil {
		return
	}
	n := min(p.n, capacity)
	b.change(p.client, n, 1)
	b.check(p.client, capacity, share)
	time.Sleep(p.hold)
	b.change(p.client, -n, -1)
	release()
}

func (b *books) change(client netip.Prefix, n int64, things int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[client] += n
	b.things[client] += things
	b.all += n
}

func (b *books) check(client netip.Prefix, capacity, share int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all > capacity {
		b.fault = "more is held than there is"
	}
	if b.held[client] > share && b.things[client] > 1 {
		b.fault = "a client holds more than its share"
	}
}
