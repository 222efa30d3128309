package workers_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/workers"
)

var topic = jetstream.Topic(events.StreamGateway, "worker")

// site is a history with one consumer and three events.
func site(t *testing.T) *jetstream.Log {
	t.Helper()
	log := jetstreamtest.Open(t)
	err := log.ProvisionConsumers(t.Context(), []jetstream.ConsumerSpec{{Stream: events.StreamGateway, Name: "worker"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"e1", "e2", "e3"} {
		if _, err := log.Append(t.Context(), events.New(id, "test", time.Now(), events.IdentityCreated{NodeID: "0a"})); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func subscriber(log *jetstream.Log) *jetstream.Subscriber {
	return log.Subscriber(jetstream.SubscriberConfig{
		Key:      func(events.Record) string { return "one lane" },
		NakDelay: func(int) time.Duration { return time.Millisecond },
	})
}

// running is a router at work.
type running struct {
	cancel context.CancelFunc
	done   chan error
}

func start(t *testing.T, log *jetstream.Log, add func(*workers.Router)) running {
	t.Helper()
	router, err := workers.NewRouter(workers.Config{Log: log, Tries: 1, MaxAttempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	add(router)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := running{cancel, make(chan error, 1)}
	go func() { r.done <- router.Run(ctx) }()
	return r
}

// stop ends the router and returns what Run returned.
func (r running) stop() error {
	r.cancel()
	return <-r.done
}

func receive(t *testing.T, from <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-from:
			if got != w {
				t.Errorf("handled %s, want %s", got, w)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was not handled", w)
		}
	}
}

// TestRouterSetsAsideAndGoesOn has one message that never works, one that is
// refused, and one that is good.
func TestRouterSetsAsideAndGoesOn(t *testing.T) {
	log := site(t)
	handled := make(chan string, 10)
	router := start(t, log, func(r *workers.Router) {
		r.Handle("h", topic, subscriber(log), func(_ context.Context, rec events.Record) error {
			handled <- rec.ID
			switch rec.ID {
			case "e1":
				return fault.Permanent(errors.New("never"))
			case "e2":
				panic("always")
			default:
				return nil
			}
		})
	})
	seen := map[string]int{}
	for range 5 {
		select {
		case id := <-handled:
			seen[id]++
		case <-time.After(10 * time.Second):
			t.Fatalf("handled only %v", seen)
		}
	}
	if err := router.stop(); err != nil {
		t.Error(err)
	}
	if seen["e1"] != 1 || seen["e2"] != 3 || seen["e3"] != 1 {
		t.Errorf("handled %v", seen)
	}
	first, second := parkedAt(t, log, 1), parkedAt(t, log, 2)
	if first.EventID != "e1" || first.Reason != "never" || second.EventID != "e2" || second.Reason != "given up after 3 attempts: panic: always" {
		t.Errorf("parked %+v and %+v", first, second)
	}
}

func parkedAt(t *testing.T, log *jetstream.Log, sequence uint64) events.MessageParked {
	t.Helper()
	record, err := log.At(t.Context(), events.StreamParked, sequence)
	if errors.Is(err, io.EOF) {
		t.Fatalf("nothing is parked at %d", sequence)
	}
	if err != nil {
		t.Fatal(err)
	}
	return record.Data.(events.MessageParked)
}

func TestRouterStopsOnFatal(t *testing.T) {
	log := site(t)
	broken := errors.New("broken")
	handled := make(chan string, 10)
	router := start(t, log, func(r *workers.Router) {
		r.Handle("h", topic, subscriber(log), func(_ context.Context, rec events.Record) error {
			handled <- rec.ID
			return fault.Fatal(broken)
		})
	})
	receive(t, handled, "e1")
	if err := <-router.done; !errors.Is(err, broken) {
		t.Errorf("Run returned %v", err)
	}
	// Nothing is lost: the next process gets them.
	again := make(chan string, 10)
	router = start(t, log, func(r *workers.Router) {
		r.Handle("h", topic, subscriber(log), func(_ context.Context, rec events.Record) error {
			again <- rec.ID
			return nil
		})
	})
	got := map[string]bool{}
	for len(got) < 3 {
		select {
		case id := <-again:
			got[id] = true
		case <-time.After(10 * time.Second):
			t.Fatalf("handled only %v", got)
		}
	}
	if err := router.stop(); err != nil {
		t.Error(err)
	}
}

func TestRouterHandlesBatches(t *testing.T) {
	log := site(t)
	handled := make(chan string, 10)
	failures := 2
	router := start(t, log, func(r *workers.Router) {
		sub := log.BatchSubscriber(jetstream.BatchConfig{
			From:    func(context.Context) (uint64, error) { return 2, nil },
			Backoff: func(int) time.Duration { return time.Millisecond },
		})
		r.HandleBatches("p", events.StreamGateway, sub, func(_ context.Context, batch jetstream.Batch) error {
			if failures--; failures >= 0 {
				return fault.Permanent(errors.New("not yet"))
			}
			for _, rec := range batch.Records {
				handled <- rec.ID
			}
			return nil
		})
	})
	receive(t, handled, "e2", "e3")
	if err := router.stop(); err != nil {
		t.Error(err)
	}
}

func TestRouterStopsWhenABatchCannotBeRead(t *testing.T) {
	log := site(t)
	router := start(t, log, func(r *workers.Router) {
		sub := log.BatchSubscriber(jetstream.BatchConfig{From: func(context.Context) (uint64, error) { return 99, nil }})
		r.HandleBatches("p", events.StreamGateway, sub, func(context.Context, jetstream.Batch) error {
			t.Error("a batch came")
			return nil
		})
	})
	if err := <-router.done; !errors.Is(err, jetstream.ErrAhead) {
		t.Errorf("Run returned %v", err)
	}
}

func TestRouterWantsSomewhereToPark(t *testing.T) {
	if _, err := workers.NewRouter(workers.Config{}); err == nil {
		t.Error("a router without a log")
	}
}
