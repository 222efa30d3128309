package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

const (
	// maxTailEntries bounds the parcels of one gateway's tail that are kept
	// between calls, some kilobyte each. A longer tail is folded, used and
	// forgotten.
	maxTailEntries = 4096
	// tailBatch is how many records are folded at a time.
	tailBatch = 256
)

// lastSequences are the positions of the last records on a gateway's two
// subjects.
type lastSequences struct{ work, outcome uint64 }

// tail holds the parcels of one gateway that changed after a checkpoint of the
// projection, as they are after all records up to last.
//
// One caller at a time works on it: it holds the turn. This is no mutex, so that
// those who wait while the stream does not answer can give up.
type tail struct {
	turn chan struct{}
	// arrived counts the callers. The tail is exact for the first of them, as many as
	// refreshed says, since they came before it was last brought to the end of the
	// stream, on top of the documents called version: those who waited for their turn
	// meanwhile need not ask the stream again.
	arrived   atomic.Uint64
	refreshed uint64
	version   string
	// stored are the documents that this caller reads.
	stored documents.Collection
	// checkpoint is where the tail starts: records after it, up to read, are in
	// entries; records up to it are in the stored documents.
	checkpoint uint64
	read       lastSequences
	last       lastSequences
	entries    map[string]*entry[Parcel]
}

// exactly lets do work on the tail of a gateway, brought to the end of the
// stream, and on one version of the stored documents. It does so again if that
// version was lost meanwhile.
func (r *Reader) exactly(ctx context.Context, gatewayID string, do func(*tail) error) error {
	t := r.tails.get(gatewayID)
	number := t.arrived.Add(1)
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.turn }()
	for again := true; ; {
		stored, name, kept, err := steady(ctx, r.collection)
		if err != nil {
			return err
		}
		t.stored = stored
		if number > t.refreshed || name != t.version || t.entries == nil {
			err = r.refresh(ctx, gatewayID, name, t)
		}
		if err == nil {
			err = do(t)
		}
		ok, asking := kept(ctx)
		if asking != nil || (ok && (err == nil || !again)) {
			return errors.Join(err, asking)
		}
		if ok { // perhaps the collection has to be opened anew
			again = false
			if asking := reopen(ctx, r.collection); asking != nil {
				return errors.Join(err, asking)
			}
		}
		t.entries = nil // folded on what may be gone
	}
}

// reopen lets the next call open the collection anew.
func reopen(ctx context.Context, c documents.Collection) error {
	if live, ok := c.(*Current); ok {
		return live.forget(ctx)
	}
	return nil
}

// steady returns the collection to read in one call, its name, and how to ask
// afterwards whether it was there all the time.
func steady(ctx context.Context, c documents.Collection) (
	stored documents.Collection, name string, kept func(context.Context) (bool, error), err error,
) {
	live, ok := c.(*Current)
	if !ok {
		return c, "", func(context.Context) (bool, error) { return true, nil }, nil
	}
	v, err := live.reader(ctx)
	return v.Collection, v.Edition.Collection, func(ctx context.Context) (bool, error) { return live.kept(ctx, v) }, err
}

// refresh brings the tail to the end of the stream, for everybody who has come so far.
func (r *Reader) refresh(ctx context.Context, gatewayID, name string, t *tail) error {
	arrived := t.arrived.Load()
	t.refreshed = 0
	if err := r.catchUp(ctx, gatewayID, t); err != nil {
		return err
	}
	t.refreshed, t.version = arrived, name
	return nil
}

func (r *Reader) catchUp(ctx context.Context, gatewayID string, t *tail) error {
	// The order matters: whatever is folded into a document after this point is
	// also in the tail, so it does not matter when documents are read.
	checkpoint, err := t.stored.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("projections: read the mailbox: %w", err)
	}
	t.advance(checkpoint)
	if t.last, err = r.lastSequences(ctx, gatewayID); err != nil {
		return err
	}
	work, outcomes := events.GatewayParcelChannel(gatewayID), events.GatewayParcelOutcomes(gatewayID)
	m := merge{
		work:    cursor{log: r.log, subject: work, read: &t.read.work, last: t.last.work},
		outcome: cursor{log: r.log, subject: outcomes, read: &t.read.outcome, last: t.last.outcome},
	}
	for {
		batch, err := m.next(ctx, tailBatch)
		if err == nil {
			err = r.foldTail(ctx, t, batch)
		}
		if err != nil {
			t.reset(checkpoint)
			return fmt.Errorf("projections: read the mailbox's tail: %w", err)
		}
		if len(batch) < tailBatch {
			return nil
		}
	}
}

// lastSequences asks for the last records of a gateway.
func (r *Reader) lastSequences(ctx context.Context, gatewayID string) (last lastSequences, err error) {
	last.work, err = r.log.LastSequence(ctx, events.StreamGatewayParcels, events.GatewayParcelChannel(gatewayID))
	if err == nil {
		last.outcome, err = r.log.LastSequence(ctx, events.StreamGatewayParcels, events.GatewayParcelOutcomes(gatewayID))
	}
	if err != nil {
		return last, fmt.Errorf("projections: end of the mailbox's stream: %w", err)
	}
	return last, nil
}

// advance drops what the stored documents hold by now.
func (t *tail) advance(checkpoint uint64) {
	if checkpoint < t.checkpoint || len(t.entries) > maxTailEntries || t.entries == nil {
		t.reset(checkpoint)
		return
	}
	t.checkpoint = checkpoint
	t.read.work, t.read.outcome = max(t.read.work, checkpoint), max(t.read.outcome, checkpoint)
	for id, e := range t.entries {
		if e.position <= checkpoint {
			delete(t.entries, id)
		}
	}
}

func (t *tail) reset(checkpoint uint64) {
	t.checkpoint = checkpoint
	t.read = lastSequences{work: checkpoint, outcome: checkpoint}
	t.entries = map[string]*entry[Parcel]{}
}

// foldTail folds records into the tail's entries, on top of stored documents.
func (r *Reader) foldTail(ctx context.Context, t *tail, batch []events.Record) error {
	var ids []string
	for _, record := range batch {
		if id, ok := (Mailbox{}).DocumentID(record); ok && t.entries[id] == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		stored, err := t.stored.GetMany(ctx, slices.Compact(slices.Sorted(slices.Values(ids))))
		if err != nil {
			return err
		}
		for _, id := range ids {
			t.entries[id] = &entry[Parcel]{}
		}
		for id, d := range stored {
			if t.entries[id], err = decode[Parcel](d); err != nil {
				return err
			}
		}
	}
	for _, record := range batch {
		if id, ok := (Mailbox{}).DocumentID(record); ok {
			t.entries[id].fold(Mailbox{}, record)
		}
	}
	return nil
}
