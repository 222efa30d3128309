package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

const leaseLife = 1200 * time.Millisecond

// candidate is a process that runs for a lease.
type candidate struct {
	*jetstream.Lease
	nc    *nats.Conn
	leave func() // gives the lease back
}

func newCandidate(t *testing.T, s *site) *candidate {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.MaxReconnects(-1), nats.ReconnectWait(5*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := jetstream.Open(t.Context(), nc, s.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	claims, err := log.Claims(t.Context(), leaseLife)
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{Lease: claims.Lease("writing"), nc: nc}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	c.leave = func() { cancel(); <-done }
	t.Cleanup(c.leave)
	return c
}

// elect waits until the candidate has the lease.
func (c *candidate) elect(t *testing.T) (term context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, end, err := c.Await(ctx); err != nil {
		t.Fatal("nobody has the lease")
	} else {
		end()
	}
	term, end, err := c.Await(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return term
}

func awaitDone(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal(what)
	}
}

func TestLeaseIsGivenBack(t *testing.T) {
	s := newSite(t)
	first := newCandidate(t, s)
	term := first.elect(t)
	second := newCandidate(t, s)
	awaitDone(t, "the second does not see the first", second.Elsewhere())
	if second.Held() || term.Err() != nil {
		t.Error("both have the lease, or none")
	}
	first.leave()
	left := time.Now()
	awaitDone(t, "the term goes on", term.Done())
	if first.Held() {
		t.Error("held after it was given back")
	}
	second.elect(t)
	if took := time.Since(left); took > leaseLife {
		t.Errorf("taken %v after it was given back", took)
	}
}

// TestLeaseOfTheDead has the holder lose touch. It gives up before another begins.
func TestLeaseOfTheDead(t *testing.T) {
	s := newSite(t)
	first := newCandidate(t, s)
	term := first.elect(t)
	second := newCandidate(t, s)
	awaitDone(t, "the second does not see the first", second.Elsewhere())
	first.nc.Close()
	began := time.Now()
	overlap := make(chan bool, 1)
	go func() {
		leading, end, err := second.Await(t.Context())
		if err == nil {
			defer end()
			overlap <- term.Err() == nil && leading.Err() == nil
		}
	}()
	select {
	case both := <-overlap:
		if both {
			t.Error("two have the lease")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody takes the lease of the dead")
	}
	t.Logf("taken %v after the death, of a life of %v", time.Since(began), leaseLife)
}

// TestLeaseTakenAway has somebody else write the claim.
func TestLeaseTakenAway(t *testing.T) {
	s := newSite(t)
	c := newCandidate(t, s)
	term := c.elect(t)
	js, err := natsjs.New(s.nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), "CLAIMS")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	if _, err := kv.Put(t.Context(), keys[0], nil); err != nil {
		t.Fatal(err)
	}
	awaitDone(t, "the term goes on", term.Done())
	c.elect(t) // once that has ended
}

// TestBatchesUnderALease has two read a stream: only who has the lease does, and the
// other goes on where the checkpoint is.
func TestBatchesUnderALease(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 3)
	first := newCandidate(t, s)
	first.elect(t)
	one := batches(t, s, jetstream.BatchConfig{Lease: first.Lease})
	msg := nextMessage(t, one)
	if got, want := sequences(batchOf(t, msg)), "[1 2 3] true"; got != want {
		t.Errorf("first: %s, want %s", got, want)
	}
	second := newCandidate(t, s)
	two := batches(t, s, jetstream.BatchConfig{
		Lease: second.Lease, From: func(context.Context) (uint64, error) { return 3, nil },
	})
	awaitDone(t, "the second does not see the first", second.Elsewhere())
	select {
	case <-two:
		t.Error("a batch for who has no lease")
	default:
	}
	first.leave()
	awaitDone(t, "the batch is still to be handled", msg.Context().Done())
	if got, want := sequences(batchOf(t, nextMessage(t, two))), "[3] true"; got != want {
		t.Errorf("second: %s, want %s", got, want)
	}
	select {
	case <-one:
		t.Error("a batch for who gave the lease back")
	default:
	}
}

// TestReadingEndsUnderALease ends a subscription while the lease is held, as a stop
// does, which gives the lease back when all who read have ended.
func TestReadingEndsUnderALease(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 3)
	holder := newCandidate(t, s)
	holder.elect(t)
	subscriber := s.log.BatchSubscriber(jetstream.BatchConfig{
		Lease: holder.Lease, From: func(context.Context) (uint64, error) { return 1, nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	batches, err := subscriber.Subscribe(ctx, events.StreamGatewayParcels)
	if err != nil {
		t.Fatal(err)
	}
	nextMessage(t, batches)
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range batches {
		}
	}()
	awaitDone(t, "the subscription goes on", ended)
	if err := subscriber.Close(); err != nil {
		t.Error(err)
	}
}
