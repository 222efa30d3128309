package delivery

import (
	"container/heap"
	"container/list"
	"time"

	"awala.network/gateway/projections"
)

// retryTurn is how many new parcels of a destination may go before one retry
// that is due.
const retryTurn = 3

// destination is what the queue holds for one Internet address.
type destination struct {
	projections.Destination
	position uint64 // of the last record folded into Destination

	items    int // open ones
	inFlight int
	breaker  breaker
	fresh    lane // not attempted yet
	retries  lane
	newTurns int // new parcels since the last retry

	// A destination waits in one of the queue's ready lists, or for wakeAt, or
	// for something to happen.
	ready     *list.List
	element   *list.Element
	wakeAt    time.Time
	wakeIndex int // in the heap of waking times; -1 if not there
}

func newDestination(name string) *destination {
	return &destination{
		Destination: projections.Destination{Name: name}, breaker: newBreaker(), fresh: lane{isNew: true}, wakeIndex: -1,
	}
}

// next returns the item whose turn it is, without taking it; nil if none may be
// attempted now. Then wake is when that may change by itself; zero: not at all.
func (d *destination) next(now time.Time) (i *item, wake time.Time) {
	if d.Held {
		return nil, time.Time{}
	}
	retry, fresh := d.retries.first(), d.fresh.first()
	if retry != nil && retry.urgent && !retry.due().After(now) && d.inFlight < max(d.breaker.window, firstWindow) {
		return retry, time.Time{}
	}
	switch {
	case retry != nil && retry.due().After(now):
		wake, retry = retry.due(), nil
	case retry == nil && fresh == nil:
		return nil, time.Time{}
	}
	if !d.breaker.allows(d.inFlight, now) {
		if d.breaker.state(now) != BreakerOpen {
			return nil, time.Time{} // what is in flight will end
		}
		if retry == nil && fresh == nil {
			return nil, later(wake, d.breaker.openUntil)
		}
		return nil, d.breaker.openUntil
	}
	switch {
	case retry == nil && fresh == nil:
		return nil, wake
	case retry == nil, fresh != nil && d.newTurns < retryTurn:
		return fresh, time.Time{}
	default:
		return retry, time.Time{}
	}
}

// take takes the item out of its lane for an attempt.
func (d *destination) take(i *item) {
	if d.newTurns++; i.lane == &d.retries {
		d.newTurns = 0
	}
	i.leave()
	i.busy, i.urgent, i.settles = true, false, 0
	d.inFlight++
}

// enter puts the item into its lane, unless it has to wait for something else.
func (d *destination) enter(i *item) {
	i.leave()
	switch {
	case i.busy || i.State == projections.DeliveryHeld:
	case i.isNew():
		heap.Push(&d.fresh, i)
	default:
		heap.Push(&d.retries, i)
	}
}

// wakings is a heap of destinations by wakeAt.
type wakings []*destination

func (w wakings) Len() int           { return len(w) }
func (w wakings) Less(a, b int) bool { return w[a].wakeAt.Before(w[b].wakeAt) }
func (w wakings) Swap(a, b int) {
	w[a], w[b] = w[b], w[a]
	w[a].wakeIndex, w[b].wakeIndex = a, b
}

// Push and Pop are for package heap.
func (w *wakings) Push(x any) {
	d := x.(*destination)
	d.wakeIndex = len(*w)
	*w = append(*w, d)
}

func (w *wakings) Pop() any {
	last := len(*w) - 1
	d := (*w)[last]
	(*w)[last] = nil
	*w, d.wakeIndex = (*w)[:last], -1
	return d
}
