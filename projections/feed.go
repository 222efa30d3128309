package projections

import (
	"context"
	"fmt"

	"awala.network/gateway/events"
)

// feedPage is the most parcels that a feed holds in memory.
const feedPage = 64

// Feed hands out what is queued for one private gateway and then what arrives,
// each version once, in the order of acceptance. Nothing is missed at whatever
// moment it is stored, and what ends before it is handed out is left out. What
// was handed out but not acknowledged comes again with the next feed, or once an
// operator says so.
//
// One goroutine may use a feed. It costs two subscriptions, and memory for at most 64
// parcels while there are any.
type Feed struct {
	reader    *Reader
	gatewayID string
	start     uint64 // the last accepted parcel when the feed began

	watch Watch
	state feedState
}

// Follow starts a feed. Close it.
func (r *Reader) Follow(ctx context.Context, gatewayID string) (*Feed, error) {
	// First listen, then look: what is stored after the look is heard.
	watch, err := r.log.Watch(ctx, events.GatewayParcelChannel(gatewayID), events.GatewayParcelOutcomes(gatewayID))
	if err != nil {
		return nil, fmt.Errorf("projections: follow %s: %w", gatewayID, err)
	}
	f := &Feed{
		reader: r, gatewayID: gatewayID, watch: watch,
		state: feedState{work: events.GatewayParcelChannel(gatewayID)},
	}
	page, err := r.page(ctx, gatewayID, 0, feedPage)
	if err != nil {
		watch.Close()
		return nil, err
	}
	f.state.replace(page)
	f.start = f.state.seen.work
	return f, nil
}

// Close ends the feed.
func (f *Feed) Close() { f.watch.Close() }

// Next waits for the next parcel. After an error, which is transient or ctx's,
// it may be called again.
func (f *Feed) Next(ctx context.Context) (Item, error) {
	for {
		item, ok, err := f.take(ctx, end)
		if ok || err != nil {
			return item, err
		}
		live, err := f.watch.Next(ctx)
		if err != nil {
			return Item{}, err
		}
		f.state.observe(live)
	}
}

// NextQueued returns the next of the parcels that were queued when the feed
// began; ok is false when there are no more. It never waits for new ones.
func (f *Feed) NextQueued(ctx context.Context) (item Item, ok bool, err error) {
	return f.take(ctx, f.start)
}

// take returns the next parcel accepted at upTo or before, if there is one.
func (f *Feed) take(ctx context.Context, upTo uint64) (Item, bool, error) {
	for live, ok := f.watch.Poll(ctx); ok; live, ok = f.watch.Poll(ctx) {
		f.state.observe(live)
	}
	for {
		if err := f.settle(ctx); err != nil {
			return Item{}, false, err
		}
		if item, ok := f.state.pop(upTo, f.reader.now()); ok {
			return item, true, nil
		}
		if !f.state.spent() {
			return Item{}, false, nil
		}
	}
}

// settle sees to it that the state accounts for what was missed, if anything
// was, and holds parcels if there are any.
func (f *Feed) settle(ctx context.Context) error {
	if f.state.doubtful && !f.state.stale {
		last, err := f.reader.lastSequences(ctx, f.gatewayID)
		if err != nil {
			return err
		}
		f.state.doubtful = false
		f.state.stale = last != f.state.seen
	}
	if f.state.stale || f.state.spent() {
		return f.load(ctx)
	}
	return nil
}

// load reads the next parcels from the mailbox, after the outcomes that were missed.
func (f *Feed) load(ctx context.Context) error {
	for {
		after := f.state.after
		page, err := f.reader.page(ctx, f.gatewayID, after, feedPage)
		if err != nil {
			return err
		}
		if err := f.hearOutcomes(ctx, page.last.outcome); err != nil {
			return err
		}
		if f.state.after == after {
			f.state.replace(page)
			return nil
		}
	}
}

// hearOutcomes looks for what the mailbox does not tell among the outcomes that were
// missed: that an operator wants parcels to be handed out again. It is a request for each;
// only a feed whose reader was busy has missed any.
func (f *Feed) hearOutcomes(ctx context.Context, upTo uint64) error {
	seen := &f.state.seen.outcome
	outcomes := cursor{log: f.reader.log, subject: events.GatewayParcelOutcomes(f.gatewayID), read: seen, last: upTo}
	for {
		if err := outcomes.peek(ctx); err != nil {
			return fmt.Errorf("projections: missed outcomes: %w", err)
		}
		if outcomes.head == nil {
			return nil
		}
		if data, ok := outcomes.take().Data.(events.GatewayParcelHastened); ok {
			f.state.goBack(data.Sequence)
		}
	}
}
