package takeover

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/keystore"
)

// atOnce is how many things are worked on together: each waits for the disks, and
// those take many at once.
const atOnce = 32

// run is some passes by one process, which remembers what it has seen.
type run struct {
	*Takeover
	mode   mode
	nodeID string
	// isComplete tells that the takeover was completed before.
	isComplete bool

	known    *known
	ledger   *ledger
	examine  *handlers.TakeOver
	keys     *keystore.Keys
	sessions *handlers.Sessions

	passes int
	// serving is the server that answered for the queues when the pass began.
	serving string
	// ends are where the queues ended in the last pass.
	ends struct{ cargoes, parcels uint64 }
	// seen holds the tag of each object that was dealt with.
	seen     map[string]string
	channels map[string]*peerChannel
	// cargoIDs are the ids of the events of messages, "" for unreadable ones.
	cargoIDs map[uint64]string
}

// pass goes over everything once. The order matters: what a cargo acknowledges must be
// recorded before the cargo.
func (r *run) pass(ctx context.Context) error {
	r.passes++
	serving, err := r.Source.Queues.Serving(ctx)
	if err != nil {
		return err
	}
	r.serving = serving
	for _, step := range []func(context.Context) error{
		r.takeKeys, r.takeIdentity, r.takeSessionKeys, r.takeIdentityKeys, r.takeCollections, r.takeFulfilments,
		r.takeGatewayParcels, r.takeInternetParcels, r.takeCargoes,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// errServing says that a pass has to be made again.
var errServing = errors.New("another server of NATS Streaming serves than when the pass began")

// stillServing returns an error unless what the queues said since the pass began came
// from a server that knows.
func (r *run) stillServing(ctx context.Context) error {
	serving, err := r.Source.Queues.Serving(ctx)
	if err == nil && serving != r.serving {
		err = errServing
	}
	return err
}

func (r *run) account() Account {
	a := r.ledger.account()
	a.NodeID, a.InternetAddress = r.nodeID, r.Address
	a.DryRun, a.Completed = r.mode == predict, r.isComplete
	return a
}

// counter tells how far a step is.
type counter struct {
	run   *run
	doing Kind
	total int
	done  atomic.Int64
}

func (r *run) counting(doing Kind, total int) *counter {
	c := &counter{run: r, doing: doing, total: total}
	c.tell(0)
	return c
}

func (c *counter) add() { c.tell(int(c.done.Add(1))) }

func (c *counter) tell(done int) {
	c.run.Progress(Progress{Pass: c.run.passes, Doing: string(c.doing), Done: done, Total: c.total})
}

// each works on things together, and stops at the first error.
func each[T any](ctx context.Context, c *counter, things []T, do func(context.Context, T) error) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, thing := range things {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			defer c.add()
			return do(working, thing)
		})
	}
	return errors.Join(group.Wait(), ctx.Err()) // what was left out is not done
}

// item deals with a parcel or cargo that waits in the other gateway. v has what is to
// be said of it besides.
func (r *run) item(ctx context.Context, kind Kind, name string, item handlers.FormerItem, v verdict) error {
	recorded, open := r.known.lookup(item.Event)
	switch {
	case recorded && open && r.mode == verify:
		same, err := r.sameBlob(ctx, item)
		if err != nil {
			return err
		}
		v.fate = Already
		if !same {
			v.fate, v.reason = Wrong, "its blob is missing or another"
		}
	case recorded:
		v.fate = Already
	case r.mode == verify:
		v.fate, v.reason = Wrong, "it is not here"
	case r.mode == predict:
		v.fate = Moved
	default:
		position, err := r.examine.Record(ctx, item)
		if err != nil {
			return err
		}
		r.known.fold(events.Record{
			Event: item.Event, Stream: position.Stream, Sequence: position.Sequence, Subject: item.Event.Data.Channel(),
		})
		v.fate = Moved
	}
	r.ledger.note(kind, name, v)
	return nil
}

// sameBlob tells whether the octets of an item are here.
func (r *run) sameBlob(ctx context.Context, item handlers.FormerItem) (bool, error) {
	body, _, err := r.Target.Blobs.Get(ctx, item.BlobKey)
	if errors.Is(err, blobs.ErrNotFound) || errors.Is(err, blobs.ErrCorrupt) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("verify %s: %w", item.BlobKey, err)
	}
	return item.Is(body), nil
}

// end records that something ended in the other gateway.
func (r *run) end(kind Kind, name string, record func() (events.Record, error)) error {
	switch r.mode {
	case predict:
		return nil
	case verify:
		if !r.isComplete { // later on it is this gateway that goes on
			r.ledger.note(kind, name, verdict{fate: Wrong, reason: "it waits here and not there"})
		}
		return nil
	}
	ended, err := record()
	if err != nil {
		return err
	}
	r.known.fold(ended)
	r.ledger.note(kind, name, verdict{fate: Ended})
	return nil
}

// refused notes what cannot be taken over.
func (r *run) refused(kind Kind, name string, err error, v verdict) {
	v.fate, v.reason, v.detail = Skipped, reasonUnreadable, reasonText(err)
	if isExpired(err) {
		v.reason = reasonExpired
	}
	r.ledger.note(kind, name, v)
}
