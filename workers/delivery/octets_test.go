package delivery_test

import (
	"testing"
	"time"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/workers/delivery"
)

// TestOctetsInFlightAreBounded has parcels of 1,000 octets and room for two in
// the class of the unproven, and for one whatever the room.
func TestOctetsInFlightAreBounded(t *testing.T) {
	for octets, want := range map[int64]int{4 * 1000: 2, 1: 1, 1 << 30: 4} {
		w := newWorld()
		k := w.startWorker(nil, delivery.Limits{Total: 8, PerDestination: 8, Octets: octets}, 0)
		for n := range 8 {
			w.accept(n, []string{"a.test", "b.test", "c.test", "d.test"}[n%4], time.Hour)
		}
		k.catchUp()
		var jobs []*delivery.Job
		for job, _ := k.queue.Next(w.clock()); job != nil; job, _ = k.queue.Next(w.clock()) {
			jobs = append(jobs, job)
		}
		if len(jobs) != want {
			t.Errorf("%d octets: %d in flight, want %d", octets, len(jobs), want)
		}
		out := handlers.Outcome{Attempted: true, Result: pohttp.Result{Verdict: pohttp.Done}}
		k.queue.Done(jobs[0], out, nil, w.clock())
		if job, _ := k.queue.Next(w.clock()); job == nil {
			t.Error("no room after one is done")
		}
	}
}
