package delivery

import (
	"slices"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// Restored tells that everything up to a sequence was restored.
func (q *Queue) Restored(checkpoint uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(checkpoint)
}

// RestoreDelivery puts an open delivery into the queue as the projection has it.
func (q *Queue) RestoreDelivery(s projections.Stored[projections.Delivery], now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.restore(s, now)
}

func (q *Queue) restore(s projections.Stored[projections.Delivery], now time.Time) {
	if q.items[s.State.Ref.AcceptedID] == nil && s.State.State.Open() {
		q.review(q.add(s.State, s.Position), now)
	}
}

// RestoreDestination takes over what operators did to a destination.
func (q *Queue) RestoreDestination(s projections.Stored[projections.Destination], now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d := q.destination(s.State.Name); s.Position > d.position {
		d.Destination, d.position = s.State, s.Position
		q.reviewAll(d, now)
	}
}

// Apply takes over records, in the order of their sequence. known holds what the
// projection knows of the deliveries that are accepted or hastened in them. It returns
// the keys of the blobs that were stored again after their parcel had ended.
func (q *Queue) Apply(records []events.Record, known map[string]projections.Stored[projections.Delivery], now time.Time) (stale []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	position := q.position
	for _, r := range records {
		if r.Sequence <= position {
			continue
		}
		position = r.Sequence
		if key := q.apply(r, known, now); key != "" {
			stale = append(stale, key)
		}
	}
	q.advance(position)
	q.settling = slices.DeleteFunc(q.settling, func(i *item) bool {
		if i.settles > q.position {
			return false
		}
		if q.items[i.Ref.AcceptedID] == i {
			q.settle(i, now)
		}
		return true
	})
	q.wake()
	return stale
}

func (q *Queue) apply(r events.Record, known map[string]projections.Stored[projections.Delivery], now time.Time) (stale string) {
	if name, ok := (projections.Destinations{}).DocumentID(r); ok {
		q.applyToDestination(q.destination(name), r, now)
		return ""
	}
	if data, ok := r.Data.(events.InternetParcelAccepted); ok {
		return q.accept(r, data, known, now)
	}
	id, _ := projections.Deliveries{}.DocumentID(r)
	if _, ok := r.Data.(events.InternetParcelHastened); ok {
		q.recall(id, known, now)
	}
	i := q.items[id]
	if i == nil || r.Sequence <= i.position {
		return ""
	}
	i.leave() // before what its place depends on changes
	if (projections.Deliveries{}).Fold(&i.Delivery, r) {
		i.position = r.Sequence
	}
	if _, ok := r.Data.(events.InternetParcelHastened); ok && q.current {
		i.urgent = !i.busy
	}
	if !i.State.Open() {
		q.ended[id] = r.Sequence
		q.remove(i)
		return ""
	}
	q.review(i, now)
	return ""
}

// accept puts a parcel into the queue, unless it was there before. Then stale is
// the key of its blob, if nobody needs that any more.
func (q *Queue) accept(
	r events.Record, data events.InternetParcelAccepted, known map[string]projections.Stored[projections.Delivery], now time.Time,
) (stale string) {
	before, found := known[r.ID]
	_, ended := q.ended[r.ID]
	switch {
	case q.items[r.ID] != nil:
		return ""
	case ended || found && !before.State.State.Open():
		return data.BlobKey
	case found:
		q.restore(before, now)
		return ""
	}
	var d projections.Delivery
	projections.Deliveries{}.Fold(&d, r)
	q.review(q.add(d, r.Sequence), now)
	return ""
}

// recall puts a parcel into the queue that is hastened and not there: it was parked,
// because its acceptance could not be read, and the projection knows it by now.
func (q *Queue) recall(id string, known map[string]projections.Stored[projections.Delivery], now time.Time) {
	if _, ended := q.ended[id]; ended {
		return
	}
	if s, ok := known[id]; ok {
		q.restore(s, now)
	}
}

func (q *Queue) applyToDestination(d *destination, r events.Record, now time.Time) {
	if r.Sequence <= d.position || !(projections.Destinations{}).Fold(&d.Destination, r) {
		return
	}
	d.position = r.Sequence
	switch r.Data.(type) {
	case events.DestinationReleased, events.DestinationFlushed:
		d.breaker.reset()
		q.settleOwn(d)
	}
	q.reviewAll(d, now)
}

// settleOwn lets nothing of ours keep a destination's parcels back.
func (q *Queue) settleOwn(d *destination) {
	for _, i := range q.items {
		if i.to == d {
			i.leave()
			i.trouble = time.Time{}
		}
	}
}

// Current says that the end of the history was reached: what is in the queue is
// open, and attempts may begin.
func (q *Queue) Current(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.current {
		q.current = true
		for _, d := range q.destinations {
			q.place(d, now)
		}
		q.wake()
	}
}

// Forget forgets the ends that the projection knows of, as it does up to its
// checkpoint.
func (q *Queue) Forget(checkpoint uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, at := range q.ended {
		if at <= checkpoint {
			delete(q.ended, id)
		}
	}
}
