package projections_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

const (
	stressGateways = 3
	stressParcels  = 150 // for each gateway
)

// stress is what the collectors of one gateway share.
type stress struct {
	*world
	gatewayN int
	done     context.CancelFunc

	mu        sync.Mutex
	seen      map[string]bool
	collected map[string]bool // the event is durable
}

// TestNoParcelIsMissed appends parcels while feeds come and go at random and the
// projection lags at random. Every parcel must be seen by a feed, and none by a
// feed that began after its collection.
func TestNoParcelIsMissed(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	working, finish := context.WithCancel(ctx)
	projecting := errgroup.Group{}
	projecting.Go(func() error { return w.lag(working) })
	all, ctx := errgroup.WithContext(ctx)
	for n := range stressGateways {
		collecting, done := context.WithCancel(ctx)
		s := &stress{world: w, gatewayN: n, done: done, seen: map[string]bool{}, collected: map[string]bool{}}
		all.Go(func() error { return s.publish(ctx) })
		for range 2 {
			all.Go(func() error { return s.collect(ctx, collecting) })
		}
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	finish()
	if err := projecting.Wait(); err != nil {
		t.Error(err)
	}
}

// lag projects random numbers of records, whenever something new is stored or
// not at all.
func (w *world) lag(ctx context.Context) error {
	watch, err := w.log.Watch(ctx, "pdc-parcel.*")
	if err != nil {
		return err
	}
	defer watch.Close()
	for {
		if _, err := watch.Next(ctx); err != nil {
			return nil
		}
		if rand.IntN(8) > 0 {
			continue
		}
		if err := w.project(ctx, 1+rand.IntN(100)); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (s *stress) publish(ctx context.Context) error {
	for i := range stressParcels {
		if _, err := s.log.Append(ctx, accepted(s.gatewayN, i, 0, far)); err != nil {
			return err
		}
	}
	return nil
}

// collect opens feeds, one after the other, until all parcels have been seen.
func (s *stress) collect(ctx, collecting context.Context) error {
	for collecting.Err() == nil {
		s.mu.Lock()
		before := make(map[string]bool, len(s.collected))
		for id := range s.collected {
			before[id] = true
		}
		s.mu.Unlock()
		f, err := s.reader.Follow(ctx, gateway(s.gatewayN))
		if err != nil {
			return err
		}
		err = s.drain(ctx, collecting, f, before)
		f.Close()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// drain takes a random number of parcels from a feed and acknowledges most.
func (s *stress) drain(ctx, collecting context.Context, f *projections.Feed, before map[string]bool) error {
	last := uint64(0)
	for range 1 + rand.IntN(40) {
		item, err := f.Next(collecting)
		if collecting.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil:
			return err
		case before[item.AcceptedID]:
			return fmt.Errorf("%d was handed out after its collection", item.Sequence)
		case item.Sequence <= last:
			return fmt.Errorf("%d was handed out after %d", item.Sequence, last)
		}
		last = item.Sequence
		if err := s.acknowledge(ctx, item, rand.IntN(4) > 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *stress) acknowledge(ctx context.Context, item projections.Item, acknowledge bool) error {
	if acknowledge {
		e := events.Caused(item.Cause(), "test", later, events.GatewayParcelCollected{GatewayParcelEnd: item.End()})
		if _, err := s.log.Append(ctx, e); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[item.AcceptedID] = true
	if acknowledge {
		s.collected[item.AcceptedID] = true
	}
	if len(s.seen) == stressParcels {
		s.done()
	}
	return nil
}
