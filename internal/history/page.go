package history

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"awala.network/gateway/events"
)

// PageQuery asks for a page of one stream.
type PageQuery struct {
	// Filter says what is wanted. Of Streams it wants exactly one; Limit is the most
	// messages, from 1 on.
	Filter
	// Before leaves out what stands at this sequence and after it; After what stands
	// at this one and before it. With neither the page is the newest.
	Before, After uint64
	// Budget is how long to look; a page that is found sooner comes sooner.
	Budget time.Duration
}

// Page is a run of what a filter fits, the newest first.
type Page struct {
	Messages []events.Message
	// First and Last are the sequences at the ends of the stream.
	First, Last uint64
	// From and To bound what was looked at, both included: 0 if that is nothing.
	From, To uint64
	// Older tells that there may be more of it before From, Newer after To.
	Older, Newer bool
	// Cut tells that the budget ended before the page was full, or all was looked at.
	Cut bool
	// At is when what stands at the end that was reached last was recorded: From, or
	// To for a page after a sequence. Zero if nothing stands there.
	At time.Time
}

// Messages are read in windows, which grow while nothing is found. The budget is looked
// at after each, so that every page gets further.
const (
	firstWindow = 128
	maxWindow   = 2048
)

// timeSlack is how far the times of events may be out of the order in which they were
// recorded: writers have clocks of their own.
const timeSlack = 5 * time.Minute

// Page reads a page of a stream. What it costs is bounded by the budget, whatever the
// filter and the length of the stream; a page that was cut is gone on with from where
// it ended.
func (l Live) Page(ctx context.Context, q PageQuery) (Page, error) {
	if len(q.Streams) != 1 || !isStream(q.Streams[0]) {
		return Page{}, fmt.Errorf("%w: %q", ErrNoStream, q.Streams)
	}
	s := pageScan{live: l, query: q, stream: q.Streams[0], ends: time.Now().Add(q.Budget)}
	state, err := l.Log.State(ctx, s.stream)
	if err != nil {
		return Page{}, err
	}
	s.page.First, s.page.Last = max(state.First, 1), state.Last
	from, to, err := s.bounds(ctx)
	if err != nil || from > to {
		return s.page, err
	}
	if q.After > 0 {
		err = s.forwards(ctx, from, to)
	} else {
		err = s.backwards(ctx, from, to)
	}
	return s.page, err
}

// pageScan is the reading of one page.
type pageScan struct {
	live   Live
	query  PageQuery
	stream string
	ends   time.Time
	page   Page
}

// bounds returns the sequences between which everything is that the query wants.
func (s *pageScan) bounds(ctx context.Context) (from, to uint64, err error) {
	q := s.query
	from, to = max(s.page.First, q.From, q.After+1), s.page.Last
	if q.To > 0 {
		to = min(to, q.To)
	}
	if q.Before > 0 {
		to = min(to, q.Before-1)
	}
	if !q.Until.IsZero() {
		after, err := s.locate(ctx, q.Until.Add(timeSlack), from, to)
		if err != nil {
			return 0, 0, err
		}
		to = min(to, after)
	}
	if !q.Since.IsZero() {
		if from, err = s.locate(ctx, q.Since.Add(-timeSlack), from, to); err != nil {
			return 0, 0, err
		}
	}
	return from, to, nil
}

// locate returns the first sequence from one on whose event is not earlier than an
// instant, or the last.
func (s *pageScan) locate(ctx context.Context, at time.Time, from, to uint64) (uint64, error) {
	for from < to {
		middle := from + (to-from)/2
		m, err := s.live.first(ctx, s.stream, middle)
		switch {
		case err == io.EOF:
			to = middle
		case err != nil:
			return 0, err
		case Time(m).Before(at):
			from = max(middle, m.Sequence) + 1
		default:
			to = middle
		}
	}
	return from, nil
}

// first returns the first message at a sequence or after it; io.EOF if there is none.
func (l Live) first(ctx context.Context, stream string, sequence uint64) (events.Message, error) {
	reader := l.Log.Reader(stream, sequence)
	defer reader.Close(ctx)
	messages, _, err := reader.ReadMessages(ctx, 1)
	if err == nil && len(messages) == 0 {
		err = io.EOF
	}
	if err != nil {
		return events.Message{}, err
	}
	return messages[0], nil
}

// backwards fills the page from the end on.
func (s *pageScan) backwards(ctx context.Context, from, to uint64) error {
	p := &s.page
	p.To, p.From, p.Newer = to, to+1, to < p.Last
	for window := uint64(firstWindow); p.From > from; window = min(window*2, maxWindow) {
		low := max(from, p.From-min(p.From, window))
		found, err := s.read(ctx, low, p.From-1)
		if err != nil {
			return err
		}
		slices.Reverse(found)
		if p.Messages, p.From = append(p.Messages, found...), low; s.enough() {
			break
		}
	}
	if full := s.query.Limit; len(p.Messages) > full {
		p.Messages = p.Messages[:full]
		p.From, p.At = p.Messages[full-1].Sequence, Time(p.Messages[full-1])
	}
	p.Older = p.From > from
	p.Cut = p.Cut && p.Older
	return nil
}

// forwards fills the page from the beginning on.
func (s *pageScan) forwards(ctx context.Context, from, to uint64) error {
	p := &s.page
	p.From, p.To, p.Older = from, from-1, from > p.First
	for window := uint64(firstWindow); p.To < to; window = min(window*2, maxWindow) {
		high := min(to, p.To+window)
		found, err := s.read(ctx, p.To+1, high)
		if err != nil {
			return err
		}
		if p.Messages, p.To = append(p.Messages, found...), high; s.enough() {
			break
		}
	}
	if full := s.query.Limit; len(p.Messages) > full {
		p.Messages = p.Messages[:full]
		p.To, p.At = p.Messages[full-1].Sequence, Time(p.Messages[full-1])
	}
	slices.Reverse(p.Messages)
	p.Newer = p.To < to
	p.Cut = p.Cut && p.Newer
	return nil
}

// enough tells that the page is full, or the budget is spent.
func (s *pageScan) enough() bool {
	if len(s.page.Messages) >= s.query.Limit {
		return true
	}
	s.page.Cut = time.Now().After(s.ends)
	return s.page.Cut
}

// read returns what fits between two sequences, both included, and notes when what
// stands at the far end was recorded.
func (s *pageScan) read(ctx context.Context, from, to uint64) ([]events.Message, error) {
	var found []events.Message
	var nearest, farthest time.Time
	all := s.live.read(ctx, span{stream: s.stream, subjects: s.query.Subjects, from: from, to: to})
	noted := func(yield func(events.Message, error) bool) {
		for m, err := range all {
			if err == nil {
				if farthest = Time(m); nearest.IsZero() {
					nearest = farthest
				}
			}
			if !yield(m, err) {
				return
			}
		}
	}
	for m, err := range s.live.wanted(ctx, noted, Query{Filter: s.query.Filter}) {
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	switch {
	case nearest.IsZero(): // nothing stands there
	case s.query.After > 0:
		s.page.At = farthest
	default:
		s.page.At = nearest
	}
	return found, nil
}
