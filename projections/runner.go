package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

// Runner keeps one projection up to date in a document store. Several runners,
// in one process or more, may keep the same one: it comes out the same.
type Runner[S any] struct {
	projection Projection[S]
	collection documents.Collection
	logger     *slog.Logger

	// writing keeps Purge from removing what Apply is about to replace, and
	// guards seen.
	writing sync.Mutex
	// seen is the highest checkpoint that was seen since the last From.
	seen uint64
	// recent is nil unless the runner keeps what it wrote.
	recent *recent[S]
}

// NewRunner returns a runner of p into a collection that [Open] opened.
func NewRunner[S any](p Projection[S], c documents.Collection, logger *slog.Logger) *Runner[S] {
	return &Runner[S]{projection: p, collection: c, logger: logger}
}

// Stream is the stream whose records Apply wants, all of them and in order.
func (r *Runner[S]) Stream() string { return r.projection.Spec().Stream }

// ErrLost tells that the checkpoint is behind where it was: the store has lost the
// projection, or it was switched to a version that is behind. Ask From where to go
// on.
var ErrLost = errors.New("projections: the checkpoint went back")

// From is the first sequence that Apply wants next. Whoever feeds the runner asks
// at the start and after each [ErrLost].
func (r *Runner[S]) From(ctx context.Context) (uint64, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	checkpoint, err := r.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	r.seen = checkpoint
	return checkpoint + 1, nil
}

// Checkpoint is the sequence up to which everything is folded in.
func (r *Runner[S]) Checkpoint(ctx context.Context) (uint64, error) {
	c, err := target(ctx, r.collection)
	if err != nil {
		return 0, r.failed(ctx, err)
	}
	checkpoint, err := c.Checkpoint(ctx)
	return checkpoint, r.failed(ctx, err)
}

// target is the collection to write to during one call.
func target(ctx context.Context, c documents.Collection) (documents.Collection, error) {
	if live, ok := c.(*Current); ok {
		return live.writer(ctx)
	}
	return c, nil
}

// failed names what failed. The version at hand may be gone, so the next call
// looks for it anew.
func (r *Runner[S]) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if !tooSlow(ctx, err) {
		err = errors.Join(err, reopen(ctx, r.collection))
	}
	return fmt.Errorf("projections: %s: %w", r.projection.Spec().Name, err)
}

// Report says what became of a batch.
type Report struct {
	// Changed counts the documents that were written.
	Changed int
	// Unreadable are the records that this version cannot read. They are passed
	// by, and noted, so that the projection is rebuilt once they can be read: see
	// [Maintenance.Mend].
	Unreadable []events.Record
	// Gaps are where the history has nothing, although there was something once:
	// it was removed, or lost. The projection goes on without it.
	Gaps []Gap
}

// Gap is a run of sequences, First and Last included, that the history lacks.
type Gap struct{ First, Last uint64 }

// Apply folds a batch of records, in the order of their sequence, and moves the
// checkpoint past them. It leaves nothing out: the batch must go on where the
// last one ended, though it may overlap it.
//
// After an error, any of the documents may have been written but the checkpoint
// has not moved past the batch; give the same records again, in batches of any
// size.
func (r *Runner[S]) Apply(ctx context.Context, batch []events.Record) (Report, error) {
	if len(batch) == 0 {
		return Report{}, nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	report, err := r.apply(ctx, batch)
	return report, r.failed(ctx, err)
}

func (r *Runner[S]) apply(ctx context.Context, batch []events.Record) (Report, error) {
	c, err := target(ctx, r.collection)
	if err != nil {
		return Report{}, err
	}
	done, err := c.Checkpoint(ctx)
	if err != nil {
		return Report{}, err
	}
	if done < r.seen {
		return Report{}, fmt.Errorf("%w: from %d to %d", ErrLost, r.seen, done)
	}
	report, mine := r.sort(ctx, batch, done)
	changed, err := r.fold(ctx, c, mine)
	if err != nil {
		return Report{}, err
	}
	if err := c.Replace(ctx, changed); err != nil {
		return Report{}, err
	}
	if v, ok := c.(version); ok {
		if err := v.note(ctx, report); err != nil {
			return Report{}, err
		}
	}
	last := batch[len(batch)-1].Sequence
	if err := c.SaveCheckpoint(ctx, last); err != nil {
		return Report{}, err
	}
	r.seen = max(done, last)
	report.Changed = len(changed)
	return report, nil
}

// concern is a record and the document that it is folded into.
type concern struct {
	id     string
	record events.Record
}

// sort picks the records to fold, and reports those that cannot be read. What is
// behind the checkpoint is not folded again: the store may have removed the
// document since, and it must not rise.
func (r *Runner[S]) sort(ctx context.Context, batch []events.Record, done uint64) (Report, []concern) {
	var report Report
	mine := make([]concern, 0, len(batch))
	for _, record := range batch {
		if record.Sequence <= done {
			continue
		}
		if record.Sequence != done+1 {
			report.Gaps = append(report.Gaps, r.gap(ctx, done+1, record))
		}
		done = record.Sequence
		if bad, ok := record.Data.(events.Unreadable); ok {
			report.Unreadable = append(report.Unreadable, record)
			r.logger.ErrorContext(ctx, "event passed by, because it cannot be read",
				"projection", r.projection.Spec().Name, "stream", record.Stream,
				"sequence", record.Sequence, "event_id", record.ID, "error", bad.Err)
		} else if id, ok := r.projection.DocumentID(record); ok {
			mine = append(mine, concern{id: id, record: record})
		}
	}
	return report, mine
}

// gap says that there is nothing between first and a record.
func (r *Runner[S]) gap(ctx context.Context, first uint64, next events.Record) Gap {
	r.logger.ErrorContext(ctx, "the history has a gap", "projection", r.projection.Spec().Name,
		"stream", next.Stream, "sequence", first, "last", next.Sequence-1)
	return Gap{First: first, Last: next.Sequence - 1}
}

// fold returns the documents that the records change.
func (r *Runner[S]) fold(ctx context.Context, c documents.Collection, records []concern) ([]documents.Document, error) {
	entries, order, err := r.load(ctx, c, records)
	if err != nil {
		return nil, err
	}
	for _, each := range records {
		entries[each.id].fold(r.projection, each.record)
	}
	changed := make([]documents.Document, 0, len(order))
	for _, id := range order {
		if !entries[id].changed {
			continue
		}
		d, err := entries[id].document(r.projection, id)
		if err != nil {
			return nil, err
		}
		changed = append(changed, d)
	}
	r.recent.keep(entries)
	// Neighbours in an index are written together.
	slices.SortFunc(changed, func(a, b documents.Document) int { return strings.Compare(a.ID, b.ID) })
	return changed, nil
}

// load returns the documents that the records concern, and their ids in the
// order of the records.
func (r *Runner[S]) load(ctx context.Context, collection documents.Collection, records []concern) (map[string]*entry[S], []string, error) {
	entries := make(map[string]*entry[S], len(records))
	order, unknown := make([]string, 0, len(records)), make([]string, 0, len(records))
	for _, c := range records {
		if entries[c.id] != nil {
			continue
		}
		order = append(order, c.id)
		if entries[c.id] = r.recent.take(c.id); entries[c.id] == nil {
			entries[c.id] = &entry[S]{}
			if r.recent.stored(c.id) {
				unknown = append(unknown, c.id)
			}
		}
	}
	stored, err := collection.GetMany(ctx, unknown)
	if err != nil {
		return nil, nil, err
	}
	for id, d := range stored {
		if entries[id], err = decode[S](d); err != nil {
			return nil, nil, err
		}
	}
	return entries, order, nil
}
