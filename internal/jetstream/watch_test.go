package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

func watch(t *testing.T, s *site, subjects ...string) *jetstream.Watch {
	t.Helper()
	w, err := s.log.Watch(t.Context(), subjects...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func nextLive(t *testing.T, w *jetstream.Watch) jetstream.Live {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	live, err := w.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestWatchYieldsItsSubjects(t *testing.T) {
	s := newSite(t)
	if _, err := s.log.Append(t.Context(), accepted("before", "0a")); err != nil {
		t.Fatal(err)
	}
	w := watch(t, s, "pdc-parcel.0a", "pdc-parcel.0b")
	for _, e := range []events.Event{accepted("e2", "0b"), accepted("e3", "0c"), accepted("e4", "0a")} {
		if _, err := s.log.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	type seen struct {
		id, subject   string
		seq, previous uint64
	}
	for _, want := range []seen{{"e2", "pdc-parcel.0b", 2, 0}, {"e4", "pdc-parcel.0a", 4, 1}} {
		live := nextLive(t, w)
		got := seen{live.ID, live.Subject, live.Sequence, live.Previous}
		if live.Gap || got != want || live.Stream != events.StreamGatewayParcels {
			t.Errorf("Next = %+v, want %+v", live, want)
		}
	}
}

func TestWatchTellsOfOverflow(t *testing.T) {
	s := newSite(t)
	w := watch(t, s, "pdc-parcel.0a")
	const stored = jetstream.WatchBuffer + 24
	for i := range stored {
		if _, err := s.log.Append(t.Context(), accepted(fmt.Sprintf("e%d", i), "0a")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.nc.Flush(); err != nil { // what the server sent has arrived
		t.Fatal(err)
	}
	if live := nextLive(t, w); !live.Gap {
		t.Errorf("Next = %+v, want a gap", live)
	}
	for want := uint64(1); want <= jetstream.WatchBuffer; want++ {
		if live := nextLive(t, w); live.Sequence != want {
			t.Errorf("Next = %+v, want sequence %d", live, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if live, err := w.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next = %+v, %v; want a deadline", live, err)
	}
}

func TestWatchTellsOfReconnect(t *testing.T) {
	s := newSite(t)
	w := watch(t, s, "pdc-parcel.0a")
	s.stop()
	s.start()
	if live := nextLive(t, w); !live.Gap {
		t.Errorf("Next = %+v, want a gap", live)
	}
	if _, err := s.log.Append(t.Context(), accepted("after", "0a")); err != nil {
		t.Fatal(err)
	}
	if live := nextLive(t, w); live.ID != "after" {
		t.Errorf("Next = %+v, want the event after the restart", live)
	}
}

func TestWatchRechecks(t *testing.T) {
	s := newSite(t)
	s.opts.Recheck = time.Millisecond
	w, err := s.open().Watch(t.Context(), "pdc-parcel.0a")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if live := nextLive(t, w); !live.Gap {
		t.Errorf("Next = %+v, want a gap", live)
	}
}

func TestWatchIsCheap(t *testing.T) {
	s := newSite(t)
	const watchers = 2000
	allocated := testing.AllocsPerRun(1, func() {
		for range watchers / 2 {
			watch(t, s, "pdc-parcel.0a", "gateway.peer.0a")
		}
	})
	if perWatch := allocated / (watchers / 2); perWatch > 100 {
		t.Errorf("%.0f allocations per watch", perWatch)
	}
}
