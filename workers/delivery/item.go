package delivery

import (
	"container/heap"
	"time"

	"awala.network/gateway/projections"
)

// item is an open delivery in the queue.
type item struct {
	projections.Delivery
	position uint64 // of the last record folded in
	to       *destination

	// busy is true from the start of an attempt until its outcome was seen in
	// the history, which is when the position settles is reached.
	busy     bool
	settles  uint64
	urgent   bool      // an operator wants it attempted at once
	trouble  time.Time // ours, not the destination's: no attempt before
	deadline time.Time

	lane      *lane // nil unless it is waiting for its turn
	laneIndex int
	lineIndex int // in the heap of deadlines; -1 if not there
}

// isNew tells whether the item belongs to the lane of new parcels, which wait for
// nothing but their turn.
func (i *item) isNew() bool {
	return i.Attempts == 0 && i.trouble.IsZero() && i.ValidFrom.IsZero() && !i.urgent
}

// due is when the item may be attempted: never before it is valid, since its
// destination would refuse it for good.
func (i *item) due() time.Time {
	if i.urgent {
		return i.ValidFrom
	}
	due := i.NextAttemptAt
	if flushed := i.to.FlushedAt; flushed.Before(due) && (i.LastAttempt == nil || i.LastAttempt.StartedAt.Before(flushed)) {
		due = flushed
	}
	return later(later(due, i.trouble), i.ValidFrom)
}

// lane is the items of a destination that wait for their turn. A lane of new
// items is in the order of acceptance, one of retries in the order in which they
// are due.
type lane struct {
	items []*item
	isNew bool
}

func (l *lane) Len() int { return len(l.items) }

func (l *lane) Less(a, b int) bool {
	x, y := l.items[a], l.items[b]
	if !l.isNew {
		if dx, dy := x.due(), y.due(); !dx.Equal(dy) {
			return dx.Before(dy)
		}
	}
	return x.Sequence < y.Sequence
}

func (l *lane) Swap(a, b int) {
	l.items[a], l.items[b] = l.items[b], l.items[a]
	l.items[a].laneIndex, l.items[b].laneIndex = a, b
}

// Push and Pop are for package heap.
func (l *lane) Push(x any) {
	i := x.(*item)
	i.lane, i.laneIndex = l, len(l.items)
	l.items = append(l.items, i)
}

func (l *lane) Pop() any {
	last := len(l.items) - 1
	i := l.items[last]
	l.items[last] = nil
	l.items, i.lane = l.items[:last], nil
	return i
}

// first returns the item whose turn is next, or nil.
func (l *lane) first() *item {
	if len(l.items) == 0 {
		return nil
	}
	return l.items[0]
}

// leave takes the item out of its lane, if it is in one.
func (i *item) leave() {
	if i.lane != nil {
		heap.Remove(i.lane, i.laneIndex)
	}
}

// deadlines is a heap of items by deadline.
type deadlines []*item

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(a, b int) bool { return d[a].deadline.Before(d[b].deadline) }
func (d deadlines) Swap(a, b int) {
	d[a], d[b] = d[b], d[a]
	d[a].lineIndex, d[b].lineIndex = a, b
}

// Push and Pop are for package heap.
func (d *deadlines) Push(x any) {
	i := x.(*item)
	i.lineIndex = len(*d)
	*d = append(*d, i)
}

func (d *deadlines) Pop() any {
	last := len(*d) - 1
	i := (*d)[last]
	(*d)[last] = nil
	*d, i.lineIndex = (*d)[:last], -1
	return i
}
