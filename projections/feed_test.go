package projections_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/projections"
	"awala.network/gateway/projections/onjetstream"
)

// world is a mailbox on a real stream and a real store.
type world struct {
	log    *jetstream.Log
	runner *projections.Runner[projections.Parcel]
	reader *projections.Reader
}

func newWorld(t testing.TB) *world {
	log := jetstreamtest.Open(t)
	c := collection(t, database(t), projections.Mailbox{})
	return &world{
		log:    log,
		runner: projections.NewRunner(projections.Mailbox{}, c, quiet),
		reader: projections.NewReader(c, onjetstream.Log{Log: log}, clock),
	}
}

// append records an event and returns its sequence.
func (w *world) append(t testing.TB, e events.Event) uint64 {
	t.Helper()
	p, err := w.log.Append(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return p.Sequence
}

// project folds what the stream holds, limit records at most.
func (w *world) project(ctx context.Context, limit int) error {
	done, err := w.runner.Checkpoint(ctx)
	if err != nil {
		return err
	}
	reader := w.log.Reader(events.StreamGatewayParcels, done+1)
	defer reader.Close(ctx)
	batch, err := reader.Read(ctx, limit)
	if err == nil {
		_, err = w.runner.Apply(ctx, batch.Records)
	}
	return err
}

func (w *world) follow(t *testing.T, gatewayN int) *projections.Feed {
	t.Helper()
	f, err := w.reader.Follow(t.Context(), gateway(gatewayN))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// next waits for the next parcel of a feed.
func next(t *testing.T, f *projections.Feed) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	item, err := f.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return item.Sequence
}

// queued takes all that NextQueued has.
func queued(t *testing.T, f *projections.Feed) []uint64 {
	t.Helper()
	var all []uint64
	for {
		item, ok, err := f.NextQueued(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, item.Sequence)
	}
}

var far = later.Add(time.Hour)

func TestFeedGoesFromQueuedToLive(t *testing.T) {
	w := newWorld(t)
	want := []uint64{w.append(t, accepted(0, 0, 0, far)), w.append(t, accepted(0, 1, 0, far))}
	w.append(t, accepted(1, 0, 0, far))                   // of another gateway
	w.append(t, accepted(0, 2, 0, later.Add(-time.Hour))) // expired
	f := w.follow(t, 0)
	if diff := cmp.Diff(want, queued(t, f)); diff != "" {
		t.Error(diff)
	}
	w.append(t, accepted(1, 1, 0, far))
	live := w.append(t, accepted(0, 3, 0, far))
	if got := next(t, f); got != live {
		t.Errorf("got %d live, want %d", got, live)
	}
	if more := queued(t, f); more != nil {
		t.Errorf("%v were not queued at the start", more)
	}
}

func TestFeedLeavesOutWhatEndsBeforeItIsHandedOut(t *testing.T) {
	w := newWorld(t)
	one, two, three := accepted(0, 1, 0, far), accepted(0, 2, 0, far), accepted(0, 3, 0, far)
	w.append(t, one)
	w.append(t, two)
	w.append(t, three)
	f := w.follow(t, 0)
	if got := next(t, f); got != 1 {
		t.Fatalf("got %d first", got)
	}
	w.append(t, ending(0, two))
	newer := w.append(t, accepted(0, 3, 1, far)) // replaces three
	last := w.append(t, accepted(0, 4, 0, far))
	// The feed hears of records in order: when it has the last, it has them all.
	if diff := cmp.Diff([]uint64{newer, last}, heard(t, f, last)); diff != "" {
		t.Error(diff)
	}
}

// heard takes parcels once the feed has heard of the one at last.
func heard(t *testing.T, f *projections.Feed, last uint64) []uint64 {
	t.Helper()
	if err := f.HearOf(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	var all []uint64
	for len(all) == 0 || all[len(all)-1] != last {
		all = append(all, next(t, f))
	}
	return all
}

func TestFeedReadsManyPages(t *testing.T) {
	w := newWorld(t)
	var want []uint64
	for i := range 200 {
		want = append(want, w.append(t, accepted(0, i, 0, far)))
		if i == 90 {
			if err := w.project(t.Context(), 500); err != nil {
				t.Fatal(err)
			}
		}
	}
	f := w.follow(t, 0)
	w.append(t, accepted(0, 999, 0, far))
	if diff := cmp.Diff(want, queued(t, f)); diff != "" {
		t.Error(diff)
	}
	if got := next(t, f); got != 201 {
		t.Errorf("got %d after the queued ones", got)
	}
}

func TestFeedSurvivesOverflow(t *testing.T) {
	w := newWorld(t)
	f := w.follow(t, 0)
	for i := range 100 { // the watch is not read meanwhile, and its buffer runs over
		w.append(t, accepted(0, i, 0, far))
	}
	for want := range uint64(100) {
		if got := next(t, f); got != want+1 {
			t.Fatalf("got %d, want %d", got, want+1)
		}
	}
}

func TestFeedEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	f := w.follow(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTwoFeedsOfOneGatewayShareNothing(t *testing.T) {
	w := newWorld(t)
	a, b := w.follow(t, 0), w.follow(t, 0)
	one := accepted(0, 0, 0, far)
	w.append(t, one)
	if next(t, a) != 1 || next(t, b) != 1 {
		t.Error("a feed did not get the parcel")
	}
	w.append(t, ending(0, one))
	c := w.follow(t, 0)
	if got := queued(t, c); got != nil {
		t.Errorf("collected, yet handed out: %v", got)
	}
}

// TestHastenedParcelIsNotMissed has more happen than the feed's watch holds, while its
// reader is busy: what an operator wants handed out again is among it.
func TestHastenedParcelIsNotMissed(t *testing.T) {
	w := newWorld(t)
	e := accepted(0, 0, 0, far)
	first := w.append(t, e)
	f := w.follow(t, 0)
	if got := next(t, f); got != first {
		t.Fatalf("got %d", got)
	}
	for i := range 100 {
		w.append(t, accepted(0, 1+i, 0, far))
	}
	w.append(t, events.New("hastened", "test", start, events.GatewayParcelHastened{
		PrivateGatewayID: gateway(0), AcceptedID: e.ID, Sequence: first,
	}))
	if got := next(t, f); got != first {
		t.Errorf("got %d, want %d again", got, first)
	}
	if got := next(t, f); got != first+1 {
		t.Errorf("got %d, want %d", got, first+1)
	}
}

// TestHastenedParcelComesAgain shows that a feed hands out again what an operator
// wants handed out, and of the later ones only what was not acknowledged.
func TestHastenedParcelComesAgain(t *testing.T) {
	w := newWorld(t)
	e := [3]events.Event{accepted(0, 0, 0, far), accepted(0, 1, 0, far), accepted(0, 2, 0, far)}
	first, second := w.append(t, e[0]), w.append(t, e[1])
	f := w.follow(t, 0)
	if a, b := next(t, f), next(t, f); a != first || b != second {
		t.Fatalf("got %d, %d", a, b)
	}
	w.append(t, ending(0, e[1]))
	w.append(t, events.New("hastened", "test", start, events.GatewayParcelHastened{
		PrivateGatewayID: gateway(0), AcceptedID: e[0].ID, Sequence: first,
	}))
	third := w.append(t, e[2])
	if a, b := next(t, f), next(t, f); a != first || b != third {
		t.Errorf("got %d, %d, want %d, %d", a, b, first, third)
	}
}
