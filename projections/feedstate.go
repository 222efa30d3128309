package projections

import (
	"slices"
	"time"

	"awala.network/gateway/events"
)

// feedState is what a feed knows. Unless it is stale or doubtful, queue holds
// everything queued after the position after and accepted up to seen.work, in
// order, though only its beginning if more is set.
type feedState struct {
	work  string // the subject of accepted parcels
	after uint64 // the sequence of the last parcel handed out
	queue []Item
	more  bool
	// seen holds the last records accounted for on the two subjects.
	seen lastSequences
	// doubtful tells that something may have been missed, stale that something
	// was.
	doubtful, stale bool
}

// replace starts again from a page read after the position after.
func (s *feedState) replace(p page) {
	s.queue, s.more, s.seen = p.items, p.more, p.last
	s.doubtful, s.stale = false, false
}

// spent tells that the queue is empty although more is queued.
func (s *feedState) spent() bool { return len(s.queue) == 0 && s.more }

// pop takes the first parcel that has not expired, if it was accepted at upTo or
// before.
func (s *feedState) pop(upTo uint64, now time.Time) (Item, bool) {
	for len(s.queue) > 0 && s.queue[0].Sequence <= upTo {
		item := s.queue[0]
		s.queue, s.after = s.queue[1:], item.Sequence
		if len(s.queue) == 0 {
			s.queue = nil // let the page go
		}
		if !item.ExpiredAt(now) {
			return item, true
		}
	}
	return Item{}, false
}

// observe accounts for a record just stored, if nothing is missing before it.
func (s *feedState) observe(l Live) {
	if l.Gap {
		s.doubtful = true
		return
	}
	seen := &s.seen.outcome
	if l.Subject == s.work {
		seen = &s.seen.work
	}
	switch {
	case s.stale || l.Sequence <= *seen:
		return
	case l.Previous > *seen:
		s.stale = true
		return
	}
	*seen = l.Sequence
	switch data := l.Data.(type) {
	case events.GatewayParcelAccepted:
		s.accepted(l.Record, data)
	case events.GatewayParcelHastened:
		s.goBack(data.Sequence)
	default:
		if outcome, _, ok := endOf(data); ok {
			s.remove(func(i Item) bool { return i.AcceptedID == outcome.AcceptedID })
		}
	}
}

// accepted puts a parcel into the queue.
func (s *feedState) accepted(r events.Record, data events.GatewayParcelAccepted) {
	if r.Sequence < s.seen.outcome {
		s.stale = true // its end may be among the outcomes that were seen already
		return
	}
	known := func(i Item) bool { return i.AcceptedID == r.ID }
	if r.Sequence <= s.after || slices.ContainsFunc(s.queue, known) {
		return
	}
	if slices.ContainsFunc(s.queue, func(i Item) bool { return i.Key == data.ParcelKey && i.CreatedAt.After(data.CreatedAt) }) {
		return // it has been superseded already
	}
	s.remove(func(i Item) bool { return i.Key == data.ParcelKey })
	if s.more = s.more || len(s.queue) >= feedPage; s.more {
		return
	}
	var p Parcel
	Mailbox{}.Fold(&p, r)
	item, _ := p.QueuedItem()
	s.queue = append(s.queue, item)
}

// goBack makes what is queued from a sequence on come again. What was handed out of it
// and acknowledged is not queued any more.
func (s *feedState) goBack(to uint64) {
	if to > 0 && to <= s.after {
		s.after, s.stale = to-1, true
	}
}

func (s *feedState) remove(match func(Item) bool) { s.queue = slices.DeleteFunc(s.queue, match) }
