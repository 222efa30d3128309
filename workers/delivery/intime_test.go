package delivery_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers/delivery"
)

// TestEndsInTime: while a worker runs, whatever destinations answer and however
// often it is started anew, each parcel ends before 24 hours or its expiry.
func TestEndsInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		answer := func(context.Context, string, []byte) pohttp.Result {
			w.advance(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			return rapid.SampledFrom([]pohttp.Result{
				{Verdict: pohttp.Later, Stage: pohttp.StageConnect, Cause: "refused"},
				{Verdict: pohttp.Later, Stage: pohttp.StageAnswer, Status: 429, Cause: "later", RetryAfter: 20 * time.Hour},
				{Verdict: pohttp.Later, Stage: pohttp.StageAnswer, Status: 503, Cause: "later"},
				{Verdict: pohttp.Refused, Stage: pohttp.StageAnswer, Status: 400, Cause: "no"},
			}).Draw(t, "result")
		}
		accepted := map[string]time.Time{}
		for n := range rapid.IntRange(1, 12).Draw(t, "parcels") {
			ttl := time.Duration(rapid.IntRange(1, 48*60).Draw(t, "minutes")) * time.Minute
			e := w.accept(n, rapid.SampledFrom(destinations).Draw(t, "destination"), ttl)
			accepted[e.ID] = w.clock().Add(min(ttl, policy.Horizon))
			w.advance(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second)
		}
		start := func() *worker { return w.startWorker(answer, delivery.Limits{Total: 8, PerDestination: 4}, 3) }
		k := start()
		for range 10_000 {
			if rapid.IntRange(0, 30).Draw(t, "restart") == 30 {
				k = start()
			}
			job, wait := k.queue.Next(w.clock())
			if job == nil && wait == 0 {
				break
			}
			if job == nil {
				w.advance(wait)
				continue
			}
			handle := k.handler.Handle
			if job.Expire {
				handle = k.handler.Expire
			}
			out, err := handle(context.Background(), job.Assignment)
			k.queue.Done(job, out, err, w.clock())
			k.catchUp()
		}
		checkInTime(t, w, accepted)
	})
}

// slack is how much later than its time an end may be recorded, or earlier: as
// long as the few attempts take that the single-handed test makes meanwhile.
const slack = 5 * time.Minute

func checkInTime(t *rapid.T, w *world, accepted map[string]time.Time) {
	deliveries := w.project(0).deliveries
	for id, deadline := range accepted {
		d := deliveries[id].State
		if d.State.Open() {
			t.Errorf("%s has not ended: %+v", id, d)
		} else if late := d.EndedAt.Sub(deadline); late > slack {
			t.Errorf("%s ended %v late", id, late)
		}
		if d.State == projections.DeliveryExpired && d.EndedAt.Before(deadline.Add(-slack)) {
			t.Errorf("%s was given up %v early", id, deadline.Sub(d.EndedAt))
		}
	}
	for _, r := range w.since(0) {
		if data, ok := r.Data.(events.InternetParcelDeferred); ok && data.NextAttemptAt.After(accepted[data.AcceptedID]) {
			t.Errorf("%s is to be attempted after its time", data.AcceptedID)
		}
	}
}
