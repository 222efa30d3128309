package interop

import (
	"testing"
	"time"

	"awala.network/gateway/events"
)

// audit checks the history after the load has settled: one outcome for each cargo, one
// acceptance and one end for each parcel, nothing parked, and no collection that held a
// parcel which had ended before it began, or longer ago than slack.
func (l *cargoLoad) audit(t *testing.T, records []events.Record, slack time.Duration) {
	t.Helper()
	auditOutcomes(t, records)
	accepted, collected := map[string]int{}, map[string]time.Time{}
	for _, r := range records {
		switch data := r.Data.(type) {
		case events.CargoUnwrapped:
			if data.Bad > 0 {
				t.Errorf("bad items: %+v", data.BadItems)
			}
		case events.CargoRefused:
			t.Errorf("refused: %+v", data)
		case events.CargoRejected:
			t.Errorf("rejected: %+v", data)
		case events.GatewayParcelAccepted:
			if accepted[data.ParcelID]++; accepted[data.ParcelID] > 1 {
				t.Errorf("parcel %s queued again", data.ParcelID)
			}
		case events.GatewayParcelCollected:
			if _, again := collected[data.ParcelID]; again {
				t.Errorf("parcel %s collected again", data.ParcelID)
			}
			collected[data.ParcelID] = r.StoredAt
		}
	}
	for id := range l.accepted {
		if accepted[id] == 0 || collected[id].IsZero() {
			t.Errorf("parcel %s: accepted %d times, collected at %v", id, accepted[id], collected[id])
		}
	}
	for id, collections := range l.remote.began {
		for _, began := range collections {
			if end := collected[id]; began.After(end.Add(slack)) {
				t.Errorf("parcel %s handed out to a courier %v after its end", id, began.Sub(end))
			}
		}
	}
}

// auditOutcomes checks that each received cargo came to exactly one end, and that
// no event was parked.
func auditOutcomes(t *testing.T, records []events.Record) (received int) {
	t.Helper()
	outcomes := cargoOutcomes(records)
	for id, n := range outcomes {
		if n != 1 {
			t.Errorf("the cargo of event %s has %d outcomes", id, n)
		}
	}
	for _, r := range records {
		if r.Stream == events.StreamParked {
			t.Errorf("parked: %+v", r.Data)
		}
	}
	return len(outcomes)
}

// cargoOutcomes counts the outcomes of each CargoReceived, by its id.
func cargoOutcomes(records []events.Record) map[string]int {
	outcomes := map[string]int{}
	for _, r := range records {
		switch data := r.Data.(type) {
		case events.CargoReceived:
			outcomes[r.ID] += 0
		case events.CargoUnwrapped:
			outcomes[data.ReceivedID]++
		case events.CargoRefused:
			outcomes[data.ReceivedID]++
		}
	}
	return outcomes
}

// awaitOutcomes waits until each received cargo came to an end. What a killed
// process had in hand takes some seconds to be handed out again.
func awaitOutcomes(t *testing.T, gateway site) {
	t.Helper()
	within(t, settledIn, "every cargo is unwrapped or refused", func() bool {
		for _, n := range cargoOutcomes(recorded(t, gateway, events.StreamCargo)) {
			if n == 0 {
				return false
			}
		}
		return true
	})
}
