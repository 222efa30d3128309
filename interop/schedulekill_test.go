package interop

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/interop/process"
)

const (
	schedulePause = 4 * time.Second
	// scheduleSlack is by how much an attempt may be late.
	scheduleSlack = 2 * time.Second
)

// TestScheduleOutlivesKill shows that a deferred parcel is tried when it was to be,
// although the gateway was killed and started again meanwhile, and at once if it
// was down at that time.
func TestScheduleOutlivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills gateways")
	}
	for name, down := range map[string]bool{"up again before it is due": false, "down when it is due": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSchedule(t, down)
		})
	}
}

func testSchedule(t *testing.T, down bool) {
	dir, node := t.TempDir(), newReluctant(t)
	flags := append(node.override("busy.example"), "--delivery-retry-initial", schedulePause.String(), "--delivery-retry-max", "1h")
	gateway := process.StartStandalone(t, dir, flags...)
	from, endpoint := newInternetSender(t, gateway)
	parcel, err := writeToInternet(endpoint, "busy.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	<-node.arrived
	within(t, 10*time.Second, "the attempt is counted, after it was recorded", func() bool {
		return strings.Contains(metrics(t, gateway), `verdict="later"`)
	})
	gateway.Kill()
	due := nextAttempt(t, dir)
	if down {
		timer := time.NewTimer(time.Until(due) + time.Second)
		defer timer.Stop()
		<-timer.C
	}
	process.StartStandalone(t, dir, flags...)
	ready := time.Now()
	<-node.arrived
	times := node.times(parcelID(parcel))
	first, again := times[0], times[1]
	t.Logf("due %v after the first attempt, ready %v, tried again %v", due.Sub(first), ready.Sub(first), again.Sub(first))
	if again.Before(due.Add(-50*time.Millisecond)) || again.After(due.Add(scheduleSlack)) && again.After(ready.Add(scheduleSlack)) {
		t.Errorf("due at %v, ready at %v, tried at %v", due, ready, again)
	}
}

// newReluctant returns a node that takes no parcel the first time.
func newReluctant(t *testing.T) *receiver {
	var node *receiver
	node = newReceiver(t, func(w http.ResponseWriter, _ *http.Request, id string) {
		if len(node.times(id)) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		node.accept(w, id)
	})
	return node
}

// nextAttempt returns when the only parcel is to be tried again.
func nextAttempt(t *testing.T, dir string) (at time.Time) {
	t.Helper()
	for _, r := range readHistory(t, dir, events.StreamInternetParcels) {
		if data, ok := r.Data.(events.InternetParcelDeferred); ok {
			at = data.NextAttemptAt
		}
	}
	if at.IsZero() {
		t.Fatal("the parcel was not deferred")
	}
	return at
}
