package delivery

import (
	"container/heap"
	"container/list"
	"context"
	"sync"
	"time"

	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

// Limits bound what is in flight.
type Limits struct {
	// Total is how many attempts of this process may be in flight.
	Total int
	// PerDestination is how many at one destination.
	PerDestination int
	// Octets is how much the parcels in flight may take up in memory; 0 is 256
	// MiB. One parcel is always let through.
	Octets int64
}

// Owner says which destinations are this process's to attempt.
type Owner interface {
	// Owns tells whether a destination is. It must be quick.
	Owns(destination string) bool
}

// Sole owns every destination: there is one worker.
type Sole struct{}

// Owns returns true.
func (Sole) Owns(string) bool { return true }

// Queue holds every open delivery and says which to attempt next. It does no I/O
// and has no clock: instants are given to it. It is safe for concurrent use.
type Queue struct {
	policy handlers.RetryPolicy
	limits Limits
	owner  Owner
	// changed has an element when a Next that had nothing may have something.
	changed chan struct{}

	mu           sync.Mutex // guards all that follows
	items        map[string]*item
	destinations map[string]*destination
	ended        map[string]uint64 // deliveries that ended, by id, and where
	position     uint64            // up to which the history is accounted for
	advanced     chan struct{}     // closed when position changes
	current      bool              // the end of the history was reached once

	ready    [classes]list.List // of *destination
	inFlight [classes]int
	octets   [classes]int64 // of the parcels in flight
	unproven list.List      // of *Job, attempts at unproven destinations by their start
	sleeping wakings
	line     deadlines
	settling []*item
}

// NewQueue returns an empty queue. owner is [Sole] if nil.
func NewQueue(policy handlers.RetryPolicy, limits Limits, owner Owner) *Queue {
	if owner == nil {
		owner = Sole{}
	}
	if limits.Octets == 0 {
		limits.Octets = 256 << 20
	}
	return &Queue{
		policy: policy, limits: limits, owner: owner, changed: make(chan struct{}, 1),
		items: make(map[string]*item), destinations: make(map[string]*destination), ended: make(map[string]uint64),
		advanced: make(chan struct{}),
	}
}

// Changed yields after something happened that may give [Queue.Next] a job.
func (q *Queue) Changed() <-chan struct{} { return q.changed }

func (q *Queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// Reached waits until the queue accounts for the history up to sequence.
func (q *Queue) Reached(ctx context.Context, sequence uint64) error {
	for {
		q.mu.Lock()
		position, advanced := q.position, q.advanced
		q.mu.Unlock()
		if position >= sequence {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// advance notes up to where the queue accounts for the history.
func (q *Queue) advance(position uint64) {
	if position > q.position {
		q.position = position
		close(q.advanced)
		q.advanced = make(chan struct{})
	}
}

// Rebalance looks anew at which destinations are this process's.
func (q *Queue) Rebalance(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.destinations {
		q.place(d, now)
	}
	q.wake()
}

// destination returns the destination of that name.
func (q *Queue) destination(name string) *destination {
	d := q.destinations[name]
	if d == nil {
		d = newDestination(name)
		q.destinations[name] = d
	}
	return d
}

// add puts a delivery into the queue.
func (q *Queue) add(d projections.Delivery, position uint64) *item {
	i := &item{Delivery: d, position: position, to: q.destination(d.Ref.Destination), lineIndex: -1}
	i.to.items++
	if d.Attempts > 0 && i.to.breaker.failures == 0 && !i.to.breaker.proven {
		i.to.breaker.failures = 1 // the last time it did not work
		i.to.breaker.lastCause = d.LastAttempt.Cause
	}
	q.items[d.Ref.AcceptedID] = i
	return i
}

// remove takes a delivery that has ended out of the queue.
func (q *Queue) remove(i *item) {
	i.leave()
	if i.lineIndex >= 0 {
		heap.Remove(&q.line, i.lineIndex)
	}
	delete(q.items, i.Ref.AcceptedID)
	i.to.items--
	q.dropIdle(i.to)
}

// dropIdle forgets a destination for which there is nothing to do, if there are many.
func (q *Queue) dropIdle(d *destination) {
	if d.items > 0 || d.inFlight > 0 || d.Held {
		return
	}
	q.unplace(d)
	if len(q.destinations) > maxIdleDestinations {
		delete(q.destinations, d.Name)
	}
}

// maxIdleDestinations is from how many on destinations are forgotten for which
// nothing is queued.
const maxIdleDestinations = 10_000

// review puts the item where it belongs after it has changed.
func (q *Queue) review(i *item, now time.Time) {
	i.to.enter(i)
	i.deadline = q.policy.Deadline(&i.Delivery, &i.to.Destination)
	switch {
	case i.busy && i.lineIndex >= 0:
		heap.Remove(&q.line, i.lineIndex)
	case i.busy:
	case i.lineIndex >= 0:
		heap.Fix(&q.line, i.lineIndex)
	default:
		heap.Push(&q.line, i)
	}
	q.place(i.to, now)
}

// reviewAll reviews everything for a destination.
func (q *Queue) reviewAll(d *destination, now time.Time) {
	for _, i := range q.items {
		if i.to == d {
			q.review(i, now)
		}
	}
	q.place(d, now)
}

// place puts the destination where it belongs: among those that are ready, or
// among those that will be at some time. If it was ready it keeps its turn.
func (q *Queue) place(d *destination, now time.Time) {
	if !q.owner.Owns(d.Name) {
		q.unplace(d)
		return
	}
	i, wake := d.next(now)
	if i != nil && d.ready == &q.ready[classOf(d, i)] {
		return
	}
	q.unplace(d)
	switch {
	case i != nil:
		d.ready = &q.ready[classOf(d, i)]
		d.element = d.ready.PushBack(d)
	case !wake.IsZero():
		d.wakeAt = wake
		heap.Push(&q.sleeping, d)
	}
}

func (q *Queue) unplace(d *destination) {
	if d.ready != nil {
		d.ready.Remove(d.element)
		d.ready, d.element = nil, nil
	}
	if d.wakeIndex >= 0 {
		heap.Remove(&q.sleeping, d.wakeIndex)
	}
}
