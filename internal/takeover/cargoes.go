package takeover

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
)

// cargoesAtOnce bounds the cargoes in memory, of up to 9 MiB each.
const cargoesAtOnce = 8

// queueState is how a queue stood when it was read.
type queueState struct {
	Group
	// sure tells that all messages that wait were read: with workers in the group, those
	// in their hands are not known.
	sure bool
}

// lost tells whether the server removed messages unread, by its limits or because it
// forgot the channel, which ended at last before: they are here alone and must stay.
func (s queueState) lost(last uint64) bool {
	return s.First > s.Sent+1 || s.Last == 0 || s.Last < last
}

// waiting yields the messages of a workers' queue that are not acknowledged. Without an
// error, what it says was so at some time of the pass.
func (r *run) waiting(ctx context.Context, channel string, yield func(Message) error) (queueState, error) {
	g, err := r.Source.Queues.Group(ctx, channel, worker, worker)
	if err != nil {
		return queueState{}, err
	}
	state := queueState{Group: g, sure: g.Members == 0 || g.Pending == 0}
	from := max(g.First, g.Sent+1)
	switch {
	case g.Pending == 0:
	case r.mode == predict:
		// They are the last ones, unless one worker was slower than another.
		from = max(g.First, from-min(from, uint64(g.Pending)))
	case state.sure:
		pending, err := r.Source.Queues.Pending(ctx, channel, worker, worker, g)
		if err != nil {
			return queueState{}, err
		}
		for _, m := range pending {
			if err := yield(m); err != nil {
				return queueState{}, err
			}
		}
	}
	if err := r.Source.Queues.Read(ctx, channel, from, g.Last, yield); err != nil {
		return queueState{}, err
	}
	return state, r.stillServing(ctx)
}

// takeCargoes takes the cargoes that wait to be unwrapped, and ends those here that do
// not wait there any more.
func (r *run) takeCargoes(ctx context.Context) error {
	here, state, err := r.waitingCargoes(ctx)
	if err != nil {
		return err
	}
	lost := state.lost(r.ends.cargoes)
	r.ends.cargoes = state.Last
	if lost || !state.sure {
		return nil
	}
	for _, open := range r.known.openCargoes() {
		if here[open.event.ID] {
			continue
		}
		err := r.end(Cargoes, open.event.ID, func() (events.Record, error) {
			return r.examine.Unwrapped(ctx, open.event, open.data)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// waitingCargoes deals with the cargoes that wait there, and returns the ids of their
// events.
func (r *run) waitingCargoes(ctx context.Context) (here map[string]bool, state queueState, err error) {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(cargoesAtOnce)
	c := r.counting(Cargoes, 0)
	var lock sync.Mutex // guards here and cargoIDs
	here = map[string]bool{}
	state, err = r.waiting(working, cargoChannel, func(m Message) error {
		lock.Lock()
		id, seen := r.cargoIDs[m.Sequence]
		here[id] = true
		lock.Unlock()
		if seen {
			return nil
		}
		group.Go(func() error {
			defer c.add()
			id, err := r.cargo(working, m)
			lock.Lock()
			defer lock.Unlock()
			if err == nil {
				r.cargoIDs[m.Sequence], here[id] = id, true
			}
			return err
		})
		return nil
	})
	if failed := group.Wait(); failed != nil {
		err = failed // it ended the reading
	}
	return here, state, err
}

// cargo deals with one message, and returns the id of its event; "" if it is no cargo.
func (r *run) cargo(ctx context.Context, m Message) (string, error) {
	item, err := r.examine.Cargo(m.Data, r.nodeID)
	if err != nil {
		r.refused(Cargoes, fmt.Sprintf("%s/%d", cargoChannel, m.Sequence), err, verdict{})
		return "", nil
	}
	return item.Event.ID, r.item(ctx, Cargoes, item.Event.ID, item, verdict{})
}
