package delivery

import (
	"container/heap"
	"container/list"
	"time"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
)

// class divides attempts by what is known of their destination. Each class has a
// share of the places, so that no other can take them all.
type class int

// The classes in the order in which they are served.
const (
	fresh    class = iota // a new parcel, to a destination that works
	retry                 // a retry, to a destination that works
	unproven              // nothing is known of the destination
	failing               // the last attempt failed
	slow                  // an unproven one that is taking long
	expiry                // no attempt: an end to be recorded
	classes
)

// patience is how long an attempt at an unproven destination may take before it
// no longer stands in the way of others.
const patience = 2 * time.Second

func classOf(d *destination, i *item) class {
	switch b := &d.breaker; {
	case b.failures > 0 || b.slow:
		return failing
	case !b.proven:
		return unproven
	case i.isNew():
		return fresh
	default:
		return retry
	}
}

// share is how many attempts of a class may be in flight.
func (l Limits) share(c class) int {
	switch c {
	case fresh, slow:
		return l.Total
	case retry, unproven:
		return max(l.Total/2, 1)
	default:
		return max(l.Total/4, 1)
	}
}

// allows tells whether a parcel of that size fits beside those of its class. Each
// class has the same share of the octets as of the places.
func (q *Queue) allows(c class, size int64) bool {
	share := q.limits.Octets / int64(max(q.limits.Total, 1)) * int64(q.limits.share(c))
	return q.octets[c] == 0 || q.octets[c]+size <= share
}

// account counts a job in, or out if by is -1.
func (q *Queue) account(job *Job, by int) {
	q.inFlight[job.class] += by
	if !job.Expire {
		q.octets[job.class] += int64(by) * job.Size
	}
}

// Job is something to do. After it is done, call [Queue.Done].
type Job struct {
	handlers.Assignment
	// Expire tells that the delivery's time is up and no attempt must be made.
	Expire bool

	item    *item
	class   class
	started time.Time
	element *list.Element // among the unproven, or nil
}

// Next returns a job; nil if there is none at the moment. Then wait is when to
// ask again, unless Changed yields before; 0 is not until then.
func (q *Queue) Next(now time.Time) (job *Job, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.current {
		return nil, 0
	}
	for len(q.sleeping) > 0 && !q.sleeping[0].wakeAt.After(now) {
		q.place(q.sleeping[0], now)
	}
	q.excuseSlow(now)
	if job := q.nextExpiry(now); job != nil {
		return job, 0
	}
	for c := fresh; c <= failing; c++ {
		if q.inFlight[c] >= q.limits.share(c) {
			continue
		}
		if job := q.nextOf(c, now); job != nil {
			return job, 0
		}
	}
	return nil, q.untilNext(now)
}

// nextOf starts an attempt at the destination that has waited longest.
func (q *Queue) nextOf(c class, now time.Time) *Job {
	for e := q.ready[c].Front(); e != nil; e = q.ready[c].Front() {
		d := e.Value.(*destination)
		i, _ := d.next(now)
		if i == nil || classOf(d, i) != c {
			q.place(d, now) // time has passed since it was placed
			continue
		}
		if !q.allows(c, i.Size) {
			return nil
		}
		q.unplace(d) // the next turn is others'
		d.take(i)
		return q.start(i, c, now)
	}
	return nil
}

// start makes a job of an item that is in no lane.
func (q *Queue) start(i *item, c class, now time.Time) *Job {
	job := &Job{item: i, class: c, started: now, Expire: c == expiry}
	i.busy, i.settles = true, 0
	q.review(i, now)
	id := i.Ref.AcceptedID
	job.Assignment = handlers.Assignment{
		Delivery: i.Delivery, Deadline: i.deadline, Open: func() bool { return q.isOpen(id) }, Reached: q.Reached,
	}
	q.account(job, +1)
	if c == unproven {
		job.element = q.unproven.PushBack(job)
	}
	return job
}

func (q *Queue) isOpen(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items[id] != nil
}

// nextExpiry starts to end a delivery whose time is up.
func (q *Queue) nextExpiry(now time.Time) *Job {
	for len(q.line) > 0 && !q.line[0].deadline.After(now) && q.inFlight[expiry] < q.limits.share(expiry) {
		i := q.line[0]
		i.deadline = q.policy.Deadline(&i.Delivery, &i.to.Destination)
		if i.deadline.After(now) {
			heap.Fix(&q.line, 0)
			continue
		}
		if !q.owner.Owns(i.to.Name) {
			// Whoever owns it ends it; look again after a while.
			i.deadline = now.Add(notOurs)
			heap.Fix(&q.line, 0)
			continue
		}
		return q.start(i, expiry, now)
	}
	return nil
}

// notOurs is how often it is looked whether an expired delivery has become ours.
const notOurs = 10 * time.Second

// excuseSlow moves attempts that take long out of the way of other unproven
// destinations, as long as there are not too many of them.
func (q *Queue) excuseSlow(now time.Time) {
	for e := q.unproven.Front(); e != nil; e = q.unproven.Front() {
		job := e.Value.(*Job)
		if now.Sub(job.started) < patience || q.inFlight[slow] >= q.limits.share(slow) {
			return
		}
		q.unproven.Remove(e)
		job.element = nil
		q.account(job, -1)
		job.class = slow
		q.account(job, +1)
		if d := job.item.to; !d.breaker.slow && !d.breaker.proven {
			d.breaker.slow = true
			q.place(d, now)
		}
	}
}

// untilNext is how long nothing will happen by itself.
func (q *Queue) untilNext(now time.Time) time.Duration {
	var at time.Time
	soonest := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if len(q.sleeping) > 0 {
		soonest(q.sleeping[0].wakeAt)
	}
	if len(q.line) > 0 && q.inFlight[expiry] < q.limits.share(expiry) {
		soonest(q.line[0].deadline)
	}
	if e := q.unproven.Front(); e != nil && q.inFlight[slow] < q.limits.share(slow) {
		soonest(e.Value.(*Job).started.Add(patience))
	}
	if at.IsZero() {
		return 0
	}
	return max(at.Sub(now), time.Millisecond)
}

// trouble is how long a parcel waits that could not be attempted for a reason of
// ours.
const trouble = 10 * time.Second

// Done takes a job back with what became of it. The delivery is attempted again
// only after its outcome was seen in the history.
func (q *Queue) Done(job *Job, out handlers.Outcome, err error, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.wake()
	i, d := job.item, job.item.to
	q.account(job, -1)
	if job.element != nil {
		q.unproven.Remove(job.element)
	}
	if !job.Expire {
		d.inFlight--
	}
	if out.Attempted {
		q.learn(d, job, out.Result, now)
	}
	switch {
	case q.items[i.Ref.AcceptedID] != i: // its end was seen already
	case err != nil || out.Recorded.Sequence == 0:
		i.busy, i.trouble = false, now.Add(trouble)
		if job.Expire {
			i.trouble = time.Time{}
		}
		q.review(i, now)
		if job.Expire {
			i.deadline = now.Add(trouble)
			heap.Fix(&q.line, i.lineIndex)
		}
	case out.Recorded.Sequence <= q.position:
		q.settle(i, now)
	default:
		i.settles = out.Recorded.Sequence
		q.settling = append(q.settling, i)
	}
	q.place(d, now)
	q.dropIdle(d) // its last end may have been seen before
}

// learn notes what an attempt says about the destination.
func (q *Queue) learn(d *destination, job *Job, r pohttp.Result, now time.Time) {
	if r.Verdict != pohttp.Later {
		d.breaker.succeeded(q.limits.PerDestination)
		return
	}
	d.breaker.slow = false
	d.breaker.failed(job.started, now, r.Cause, r.RetryAfter, func(probes int) time.Duration {
		return min(q.policy.Pause(probes, 0), maxProbePause)
	})
}

// maxProbePause bounds how late it is noticed that a destination works again.
const maxProbePause = 15 * time.Minute

// settle lets an item take part again.
func (q *Queue) settle(i *item, now time.Time) {
	i.busy, i.settles, i.trouble = false, 0, time.Time{}
	q.review(i, now)
}
