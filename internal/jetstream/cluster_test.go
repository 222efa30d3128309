package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/servicestest"
)

// newClusterSite is a site on the three servers that `task services` has started, with
// three copies of everything.
func newClusterSite(t *testing.T) *site {
	t.Helper()
	settings := servicestest.NATS(t, "t2")
	dial := func(system bool) *nats.Conn {
		nc, err := connect.NATS(settings, "test", system)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	s := &site{tb: t, nc: dial(false)}
	s.opts = jetstream.Options{Sync: jetstream.SystemSync(dial(true), 3), Replicas: 3, Timeout: 30 * time.Second}
	s.log = s.open()
	if err := s.log.Provision(t.Context(), events.Streams()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestClusterWatermillSuite runs Watermill's suite on the cluster.
func TestClusterWatermillSuite(t *testing.T) {
	features := tests.Features{Persistent: true, ConsumerGroups: true, GuaranteedOrder: true, GuaranteedOrderWithSingleSubscriber: true, ForceShort: true}
	runSuite(t, newClusterSite(t), features, func(events.Record) string { return "one lane" })
}

// TestClusterProvisionsOnce makes everything again, and takes what is there.
func TestClusterProvisionsOnce(t *testing.T) {
	s := newClusterSite(t)
	if err := s.open().Provision(t.Context(), events.Streams()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if _, err := s.log.Claims(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
	}
}

// TestClusterConflicts has eight processes record what only the first may, again and
// again: one does, and the others are told of the conflict, once there is one.
func TestClusterConflicts(t *testing.T) {
	s := newClusterSite(t)
	for round := range 20 {
		gateway := fmt.Sprintf("c0%02d%d", round, time.Now().UnixNano())
		outcomes := make(chan error, 8)
		for n := range cap(outcomes) {
			go func() {
				_, err := s.log.AppendAfter(t.Context(), accepted(fmt.Sprintf("conflict-%s-%d", gateway, n), gateway), 0)
				if errors.Is(err, jetstream.ErrConflict) {
					if _, nothing := s.log.Last(t.Context(), events.StreamGatewayParcels, "pdc-parcel."+gateway); nothing != nil {
						err = fmt.Errorf("a conflict with nothing: %v", nothing)
					}
				}
				outcomes <- err
			}()
		}
		recorded := 0
		for range cap(outcomes) {
			if err := <-outcomes; err == nil {
				recorded++
			} else if !errors.Is(err, jetstream.ErrConflict) {
				t.Errorf("round %d: %v, want ErrConflict", round, err)
			}
		}
		if recorded != 1 {
			t.Errorf("round %d: %d recorded", round, recorded)
		}
	}
}

// TestClusterLosesNothing kills each server in turn while events are recorded: what
// was recorded is there, in the order of its sequences, and once.
func TestClusterLosesNothing(t *testing.T) {
	s := newClusterSite(t)
	stop, recorded := make(chan struct{}), make(chan map[string]uint64)
	go func() { recorded <- record(t, s.log, stop) }()
	for n := 1; n <= 3; n++ {
		name := fmt.Sprintf("nats-%d", n)
		servicestest.Script(t, "kill", name)
		awaitRecorded(t, s.log)
		servicestest.Script(t, "revive", name)
		awaitCurrent(t, s)
	}
	close(stop)
	want := <-recorded
	got := readAll(t, s.log)
	for id, sequence := range want {
		if got[id] != sequence {
			t.Errorf("event %s was recorded as %d and is %d", id, sequence, got[id])
		}
	}
	t.Logf("%d events recorded, %d stored", len(want), len(got))
}

// record records events of eight senders until stop, each until it succeeds, and
// returns their sequences by id.
func record(t *testing.T, log *jetstream.Log, stop <-chan struct{}) map[string]uint64 {
	var mu sync.Mutex
	sequences := make(map[string]uint64)
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			pace := time.NewTicker(10 * time.Millisecond)
			defer pace.Stop()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-pace.C:
				}
				event := accepted(fmt.Sprintf("%d-%d", sender, n), "0a")
				sequence, ok := insist(t.Context(), log, event)
				if !ok {
					return
				}
				mu.Lock()
				sequences[event.ID] = sequence
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	return sequences
}

// insist tries again, as servers and workers do with a transient error.
func insist(ctx context.Context, log *jetstream.Log, event events.Event) (sequence uint64, ok bool) {
	for ctx.Err() == nil {
		if position, err := log.Append(ctx, event); err == nil {
			return position.Sequence, true
		}
	}
	return 0, false
}

// awaitRecorded waits until a further event is recorded.
func awaitRecorded(t *testing.T, log *jetstream.Log) {
	t.Helper()
	began := time.Now()
	if _, ok := insist(t.Context(), log, accepted(fmt.Sprintf("probe-%d", began.UnixNano()), "0a")); !ok {
		t.Fatal("the test has ended")
	}
	t.Logf("recorded %v after a server died", time.Since(began).Round(time.Millisecond))
}

// awaitCurrent waits until all three copies of the stream are current, so that another
// server may die.
func awaitCurrent(t *testing.T, s *site) {
	t.Helper()
	spec := events.Streams()[slices.IndexFunc(events.Streams(), func(s events.StreamSpec) bool { return s.Name == events.StreamGatewayParcels })]
	deadline := time.Now().Add(time.Minute)
	for {
		state, err := s.log.InspectStream(t.Context(), spec)
		if err == nil && len(state.Behind)+len(state.Offline) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not all copies are current after a minute: %+v, %v", state, err)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// readAll returns the sequence of each event in the stream, by its id. Like workers it
// begins again when the cluster does not answer, for a minute.
func readAll(t *testing.T, log *jetstream.Log) (all map[string]uint64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		records, err := readOnce(t.Context(), log)
		if err == nil {
			all = make(map[string]uint64, len(records))
			for _, r := range records {
				if _, twice := all[r.ID]; twice {
					t.Errorf("event %s is there twice", r.ID)
				}
				all[r.ID] = r.Sequence
			}
			return all
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		t.Logf("tried again: %v", err)
	}
}

func readOnce(ctx context.Context, log *jetstream.Log) (records []events.Record, err error) {
	reader := log.Reader(events.StreamGatewayParcels, 1)
	defer reader.Close(context.WithoutCancel(ctx))
	for {
		batch, err := reader.Read(ctx, 1000)
		if err != nil {
			return nil, err
		}
		records = append(records, batch.Records...)
		if batch.CaughtUp {
			return records, nil
		}
	}
}
