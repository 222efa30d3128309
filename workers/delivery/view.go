package delivery

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"awala.network/gateway/projections"
)

// Filter selects open deliveries. Empty fields select everything.
type Filter struct {
	// Parcel is a parcel's id, or the beginning of the id of its
	// InternetParcelAccepted (8 characters or more).
	Parcel string
	// Destination and PrivateGateway are exact.
	Destination, PrivateGateway string
	// State is a state of an open delivery; what is for a held destination
	// counts as held.
	State projections.DeliveryState
	// OlderThan selects by the time since acceptance.
	OlderThan time.Duration
}

// minPrefix is the shortest beginning of an id that selects.
const minPrefix = 8

// Selects tells whether the filter selects a delivery.
func (f Filter) Selects(v *View) bool {
	return (f.Destination == "" || strings.EqualFold(strings.TrimSuffix(f.Destination, "."), v.Ref.Destination)) &&
		(f.PrivateGateway == "" || f.PrivateGateway == v.Ref.SourceGatewayID) &&
		(f.State == "" || f.State == v.State) &&
		(f.OlderThan == 0 || v.Age >= f.OlderThan) &&
		(f.Parcel == "" || f.Parcel == v.Ref.ParcelID ||
			len(f.Parcel) >= minPrefix && strings.HasPrefix(v.Ref.AcceptedID, f.Parcel))
}

// View is an open delivery as operators see it.
type View struct {
	projections.Delivery
	// Age is the time since acceptance, Deadline when it is given up.
	Age      time.Duration
	Deadline time.Time
	// Due is when it is tried again at the earliest, the breaker apart.
	Due time.Time
	// InFlight tells that it is being attempted.
	InFlight bool
	// DestinationHeld tells that it waits because its destination is held.
	DestinationHeld bool
}

func (i *item) view(now time.Time) View {
	v := View{
		Delivery: i.Delivery, Age: now.Sub(i.AcceptedAt), Deadline: i.deadline, Due: later(i.due(), i.AcceptedAt),
		InFlight: i.busy, DestinationHeld: i.to.Held,
	}
	if i.to.Held {
		v.State = projections.DeliveryHeld
	}
	return v
}

// List returns the open deliveries that a filter selects, the oldest first.
func (q *Queue) List(f Filter, now time.Time) []View {
	q.mu.Lock()
	defer q.mu.Unlock()
	var list []View
	for _, i := range q.items {
		if v := i.view(now); f.Selects(&v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b View) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return list
}

// DestinationStats is what the queue knows of a destination.
type DestinationStats struct {
	Name     string
	Waiting  int
	InFlight int
	// Oldest is the age of the parcel that has waited longest.
	Oldest time.Duration
	// Breaker is its state; open until OpenUntil.
	Breaker   BreakerState
	OpenUntil time.Time
	Failures  int
	// LastError and LastErrorAt are of the last attempt that failed.
	LastError   string
	LastErrorAt time.Time
	// Elsewhere tells that another worker attempts it, and knows of its breaker
	// and what is in flight.
	Elsewhere bool
	// Held tells that an operator holds it, and for what Reason.
	Held   bool
	Reason string
}

// Destinations returns what the queue knows of each destination that has parcels
// or is held, those with most parcels first.
func (q *Queue) Destinations(now time.Time) []DestinationStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	oldest := make(map[*destination]time.Time)
	for _, i := range q.items {
		if at, ok := oldest[i.to]; !ok || i.AcceptedAt.Before(at) {
			oldest[i.to] = i.AcceptedAt
		}
	}
	var stats []DestinationStats
	for _, d := range q.destinations {
		if d.items == 0 && !d.Held {
			continue
		}
		s := DestinationStats{
			Name: d.Name, Waiting: d.items, InFlight: d.inFlight,
			Breaker: d.breaker.state(now), OpenUntil: d.breaker.openUntil, Failures: d.breaker.failures,
			LastError: d.breaker.lastCause, LastErrorAt: d.breaker.lastFailure,
			Elsewhere: !q.owner.Owns(d.Name), Held: d.Held, Reason: d.Reason,
		}
		if at, ok := oldest[d]; ok {
			s.Oldest = now.Sub(at)
		}
		stats = append(stats, s)
	}
	slices.SortFunc(stats, func(a, b DestinationStats) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Name, b.Name))
	})
	return stats
}

// Totals sums the queue up.
type Totals struct {
	Queued, Deferred, Held int
	InFlight               int
	// Broken counts destinations with parcels whose breaker is not closed.
	Broken int
	// Oldest is the age of the parcel that has waited longest.
	Oldest time.Duration
}

// Totals returns the sums.
func (q *Queue) Totals(now time.Time) (t Totals) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		switch {
		case i.State == projections.DeliveryHeld || i.to.Held:
			t.Held++
		case i.State == projections.DeliveryDeferred:
			t.Deferred++
		default:
			t.Queued++
		}
		t.Oldest = max(t.Oldest, now.Sub(i.AcceptedAt))
	}
	for _, d := range q.destinations {
		t.InFlight += d.inFlight
		if d.items > 0 && d.breaker.state(now) != BreakerClosed {
			t.Broken++
		}
	}
	return t
}
