package delivery_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/workers/delivery"
)

// TestIdleDestinationsAreForgotten has one parcel for each of very many destinations,
// and their ends are seen in the history before the attempts are done, as they mostly
// are.
func TestIdleDestinationsAreForgotten(t *testing.T) {
	w := newWorld()
	k := w.startWorker(nil, delivery.Limits{Total: 8, PerDestination: 8}, 0)
	for n := range delivery.MaxIdleDestinations + 200 {
		w.accept(n, fmt.Sprintf("d%d.test", n), time.Hour)
		k.catchUp()
		job, _ := k.queue.Next(w.clock())
		if job == nil {
			t.Fatal("nothing to do")
		}
		e := events.Caused(job.Cause(), "test", w.clock(), events.InternetParcelDelivered{InternetParcelRef: job.Ref})
		position, err := w.Append(context.Background(), e)
		if err != nil {
			t.Fatal(err)
		}
		k.catchUp()
		k.queue.Done(job, handlers.Outcome{
			Attempted: true, Result: pohttp.Result{Verdict: pohttp.Done}, Recorded: position,
		}, nil, w.clock())
	}
	if known := k.queue.Known(); known > delivery.MaxIdleDestinations {
		t.Errorf("%d destinations are remembered", known)
	}
}
