package delivery_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers/delivery"
)

// notes keeps what the follower does besides.
type notes struct {
	parked  []uint64
	deleted []string
	fail    error
}

// Park notes the message.
func (n *notes) Park(_ context.Context, d jetstream.Delivery, _ error) error {
	if n.fail == nil {
		n.parked = append(n.parked, d.Sequence)
	}
	return n.fail
}

// Delete notes the key.
func (n *notes) Delete(_ context.Context, key string) error {
	n.deleted = append(n.deleted, key)
	return errors.New("broken, which leaves the blob to expire")
}

func unreadable(sequence uint64, subject string) events.Record {
	return events.Read(events.StreamInternetParcels, sequence, subject, nil, []byte("garbage"))
}

// TestUnreadableParcelsAreParked has one among the parcels and one among the
// outcomes, which concerns no parcel.
func TestUnreadableParcelsAreParked(t *testing.T) {
	w, n := newWorld(), &notes{}
	k := w.startWorker(nil, delivery.Limits{Total: 1, PerDestination: 1}, 0)
	k.follower.Parker = n
	batch := jetstream.Batch{Records: []events.Record{
		unreadable(1, events.InternetParcelsChannel), unreadable(2, events.InternetParcelsOutcomes),
	}}
	n.fail = errors.New("broken")
	if err := k.follower.Handle(t.Context(), batch); !errors.Is(err, n.fail) {
		t.Errorf("error %v: the batch must come again", err)
	}
	n.fail = nil
	if err := k.follower.Handle(t.Context(), batch); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]uint64{1}, n.parked); diff != "" {
		t.Error(diff)
	}
}

// TestAcceptedAgainAfterTheEnd is recognised from memory, and from the projection
// after the memory of it is gone. The blob that came with it is deleted.
func TestAcceptedAgainAfterTheEnd(t *testing.T) {
	w, n := newWorld(), &notes{}
	deliver := func(context.Context, string, []byte) pohttp.Result { return pohttp.Result{Verdict: pohttp.Done} }
	k := w.startWorker(postman(deliver), delivery.Limits{Total: 1, PerDestination: 1}, 0)
	k.follower.Blobs = n
	e := w.accept(1, "a.test", time.Hour)
	k.catchUp()
	job, _ := k.queue.Next(w.clock())
	out, err := k.handler.Handle(t.Context(), job.Assignment)
	if err != nil {
		t.Fatal(err)
	}
	k.queue.Done(job, out, nil, w.clock())
	k.catchUp()
	for range 2 {
		w.advance(window)
		if _, err := w.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		k.catchUp()
		if job, _ := k.queue.Next(w.clock()); job != nil {
			t.Error("attempted again")
		}
		k.follower.Store = w.project(0) // caught up by now
		if err := k.follower.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"blob/1", "blob/1"}, n.deleted); diff != "" {
		t.Error(diff)
	}
}

// failingStore cannot be read for a while.
type failingStore struct{ *projected }

// Get fails.
func (failingStore) Get(context.Context, []string) (map[string]projections.Stored[projections.Delivery], error) {
	return nil, errors.New("away")
}

// TestStoreAway keeps new parcels until the store can tell whether they are new.
func TestStoreAway(t *testing.T) {
	w := newWorld()
	k := w.startWorker(nil, delivery.Limits{Total: 1, PerDestination: 1}, 0)
	store := w.project(0)
	k.follower.Store = failingStore{store}
	w.accept(1, "a.test", time.Hour)
	batch := jetstream.Batch{Records: w.since(0), CaughtUp: true}
	if err := k.follower.Handle(t.Context(), batch); err == nil {
		t.Error("no error: the batch would not come again")
	}
	k.follower.Store = store
	if err := k.follower.Handle(t.Context(), batch); err != nil {
		t.Error(err)
	}
	if job, _ := k.queue.Next(w.clock()); job == nil {
		t.Error("lost")
	}
}

// TestHastenedParcelIsRecalled shows that a parcel that was passed by, because its
// acceptance could not be read, is delivered once the projection knows it and it is
// hastened; and that one that has ended stays where it is.
func TestHastenedParcelIsRecalled(t *testing.T) {
	w := newWorld()
	k := w.startWorker(nil, delivery.Limits{Total: 1, PerDestination: 1}, 0)
	e := w.accept(1, "a.test", time.Hour)
	k.position++ // passed by
	k.catchUp()
	if job, _ := k.queue.Next(w.clock()); job != nil {
		t.Fatal("it was read after all")
	}
	k.follower.Store = w.project(0) // rebuilt
	hasten := func() {
		t.Helper()
		h := handlers.HastenInternetParcel{Deliveries: w.project(0), Queue: &handlers.OperateQueue{Log: w, Now: w.clock}}
		if err := h.Handle(t.Context(), w.since(0)[0]); err != nil {
			t.Fatal(err)
		}
		k.catchUp()
	}
	hasten()
	job, _ := k.queue.Next(w.clock())
	if job == nil || job.Ref.AcceptedID != e.ID {
		t.Fatalf("job %+v", job)
	}
	out, err := k.handler.Expire(t.Context(), job.Assignment)
	if err != nil {
		t.Fatal(err)
	}
	k.queue.Done(job, out, nil, w.clock())
	k.catchUp()
	before := len(w.since(0))
	hasten()
	if job, _ := k.queue.Next(w.clock()); job != nil || len(w.since(0)) != before {
		t.Errorf("after its end: job %v, %d more events", job, len(w.since(0))-before)
	}
}

// TestReached waits for what is not read yet, not for what was restored, and no longer
// than its context lasts.
func TestReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.accept(1, "a.test", time.Hour)
		k := w.startWorker(nil, delivery.Limits{Total: 1, PerDestination: 1}, 0)
		job, _ := k.queue.Next(w.clock())
		if err := job.Reached(t.Context(), 1); err != nil {
			t.Error(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := job.Reached(short, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want DeadlineExceeded", err)
		}
		reached := make(chan error, 1)
		go func() { reached <- job.Reached(t.Context(), 2) }()
		synctest.Wait()
		select {
		case err := <-reached:
			t.Errorf("returned %v before it was read", err)
		default:
		}
		w.accept(2, "a.test", time.Hour)
		k.catchUp()
		if err := <-reached; err != nil {
			t.Error(err)
		}
	})
}
