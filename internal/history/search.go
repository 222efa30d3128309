package history

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
)

// Position is a place in the history.
type Position struct {
	Stream   string
	Sequence uint64
}

// Search looks for the life of a parcel in steps of bounded time, where [Trace] takes
// as long as it takes: from the newest events to the oldest. What a step has led to
// is the next one.
type Search struct {
	// Parcel is the sender's id of it.
	Parcel string
	// Near is a time at which something happened to the parcel, if that is known: the
	// first step looks there.
	Near time.Time
	// Below holds for each stream the sequence below which it is yet to be searched. A
	// stream that is not there is searched from its end.
	Below map[string]uint64
	// Found are events that name the parcel.
	Found []Position
	// Budget is how long a step may take, more or less.
	Budget time.Duration
}

// maxFound bounds how many events of a parcel are told of.
const maxFound = 100

// Finding is what a step has led to.
type Finding struct {
	// Lives are of the parcels with this id, as far as they were found.
	Lives []Life
	// Next goes on from here.
	Next Search
	// Accepted tells that the beginning of a life was found.
	Accepted bool
	// Searched of Total events were looked at by now; there is no more when these are
	// equal. At is how far back in time that is in the stream that lags most.
	Searched, Total uint64
	At              time.Time
}

// Search does one step.
func (l Live) Search(ctx context.Context, s Search) (Finding, error) {
	f := Finding{Next: Search{Parcel: s.Parcel, Below: map[string]uint64{}, Found: slices.Clone(s.Found), Budget: s.Budget}}
	pages, err := l.searchPages(ctx, s)
	if err != nil {
		return f, err
	}
	for _, p := range pages {
		f.add(p, s.Near.IsZero())
	}
	if len(f.Next.Found) > maxFound {
		f.Next.Found = f.Next.Found[:maxFound]
	}
	return f, l.assemble(ctx, &f)
}

// searchPages reads a page of each stream at the same time.
func (l Live) searchPages(ctx context.Context, s Search) ([]streamPage, error) {
	specs := events.Streams()
	pages := make([]streamPage, len(specs))
	group, ctx := errgroup.WithContext(ctx)
	for i, spec := range specs {
		q := PageQuery{
			Filter: Filter{Streams: []string{spec.Name}, Parcel: s.Parcel, Limit: maxFound},
			Before: s.Below[spec.Name], Budget: s.Budget,
		}
		if !s.Near.IsZero() {
			q.Since, q.After = s.Near.Add(-timeSlack), 1
		}
		group.Go(func() (err error) {
			pages[i].stream = spec.Name
			pages[i].Page, err = l.Page(ctx, q)
			return err
		})
	}
	return pages, group.Wait()
}

type streamPage struct {
	stream string
	Page
}

// add takes what a page held. One that was read backwards brings the search forward.
func (f *Finding) add(p streamPage, backwards bool) {
	for _, m := range p.Messages {
		at := Position{m.Stream, m.Sequence}
		if !slices.Contains(f.Next.Found, at) {
			f.Next.Found = append(f.Next.Found, at)
		}
	}
	if p.Last < p.First {
		return // it is empty
	}
	total := p.Last - p.First + 1
	f.Total += total
	if !backwards {
		return
	}
	below := p.First
	if p.Older {
		below = p.From
		if f.At.IsZero() || p.At.After(f.At) {
			f.At = p.At
		}
	}
	f.Next.Below[p.stream] = below
	f.Searched += total - min(below-p.First, total)
}

// assemble makes lives of what was found, with what else belongs to them.
func (l Live) assemble(ctx context.Context, f *Finding) error {
	t := tracer{groups: make(map[events.ParcelKey]*group)}
	var first, last time.Time
	for _, at := range f.Next.Found {
		m, err := l.Message(ctx, at.Stream, at.Sequence)
		if errors.Is(err, ErrNoEvent) || errors.Is(err, ErrNoStream) {
			continue
		}
		if err != nil {
			return err
		}
		if !(Filter{Parcel: f.Next.Parcel}).Fits(m) {
			continue // whoever asks may have made it up
		}
		t.named(m.Record())
		if kind(m) == "gateway-parcel-accepted" || kind(m) == "internet-parcel-accepted" {
			f.Accepted = true
		}
		if happened := Time(m); first.IsZero() || happened.Before(first) {
			first = happened
		}
		if happened := Time(m); happened.After(last) {
			last = happened
		}
	}
	if len(t.order) == 0 {
		return nil
	}
	if err := l.relate(ctx, &t, first, last, f.Next.Budget/3); err != nil {
		return err
	}
	f.Lives = t.lives()
	return nil
}

// around is how long before its parcels a cargo is received at most, as far as a
// search looks.
const around = time.Hour

// relate adds the events of cargoes, and of messages that were set aside.
func (l Live) relate(ctx context.Context, t *tracer, first, last time.Time, budget time.Duration) error {
	correlations := t.correlations()
	if len(correlations) == 0 {
		return nil
	}
	for _, q := range []PageQuery{
		{Filter: Filter{Streams: []string{events.StreamCargo}, Since: first.Add(-around), Until: last.Add(around)}},
		{Filter: Filter{Streams: []string{events.StreamParked}, Since: first}},
	} {
		q.Correlations, q.Limit, q.Budget = correlations, maxFound, budget
		page, err := l.Page(ctx, q)
		if err != nil {
			return err
		}
		for _, m := range slices.Backward(page.Messages) {
			t.related(m.Record())
		}
	}
	subjects := t.cargoSubjects()
	if len(subjects) == 0 {
		return nil
	}
	page, err := l.Page(ctx, PageQuery{Filter: Filter{
		Streams: []string{events.StreamGatewayParcels}, Subjects: subjects, Since: first, Until: last.Add(around), Limit: maxFound,
	}, Budget: budget})
	for _, m := range slices.Backward(page.Messages) {
		t.carried(m.Record())
	}
	return err
}

// String is the position as people and URLs write it.
func (p Position) String() string {
	return strings.ReplaceAll(position(p.Stream, p.Sequence), " ", ":")
}
