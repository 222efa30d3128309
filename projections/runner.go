package projections

import (
	"context"
	"fmt"
	"log/slog"
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

	// writing keeps Purge from removing what Apply is about to replace.
	writing sync.Mutex
}

// Open opens the projection's collection, creating it when it is missing.
func Open[S any](ctx context.Context, db documents.Database, p Projection[S]) (documents.Collection, error) {
	spec := p.Spec()
	c, err := db.Collection(ctx, spec.Name, spec.Indexes)
	if err != nil {
		return nil, fmt.Errorf("projections: open %s: %w", spec.Name, err)
	}
	return c, nil
}

// NewRunner returns a runner of p into a collection that [Open] opened.
func NewRunner[S any](p Projection[S], c documents.Collection, logger *slog.Logger) *Runner[S] {
	return &Runner[S]{projection: p, collection: c, logger: logger}
}

// Stream is the stream whose records Apply wants, all of them and in order.
func (r *Runner[S]) Stream() string { return r.projection.Spec().Stream }

// Checkpoint is the sequence up to which everything is folded in: go on after it.
func (r *Runner[S]) Checkpoint(ctx context.Context) (uint64, error) {
	return r.collection.Checkpoint(ctx)
}

// Report says what became of a batch.
type Report struct {
	// Changed counts the documents that were written.
	Changed int
	// Unreadable are the records that this version cannot read. They are passed
	// by: after an upgrade that can read them, the projection must be rebuilt.
	Unreadable []events.Record
}

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
	name := r.projection.Spec().Name
	done, err := r.collection.Checkpoint(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("projections: %s: %w", name, err)
	}
	report, mine := r.sort(ctx, batch, done)
	changed, err := r.fold(ctx, mine)
	if err != nil {
		return Report{}, fmt.Errorf("projections: %s: %w", name, err)
	}
	if err := r.collection.Replace(ctx, changed); err != nil {
		return Report{}, fmt.Errorf("projections: %s: %w", name, err)
	}
	if err := r.collection.SaveCheckpoint(ctx, batch[len(batch)-1].Sequence); err != nil {
		return Report{}, fmt.Errorf("projections: %s: %w", name, err)
	}
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

// fold returns the documents that the records change.
func (r *Runner[S]) fold(ctx context.Context, records []concern) ([]documents.Document, error) {
	entries, order, err := r.load(ctx, records)
	if err != nil {
		return nil, err
	}
	for _, c := range records {
		entries[c.id].fold(r.projection, c.record)
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
	return changed, nil
}

// load returns the documents that the records concern, and their ids in the
// order of the records.
func (r *Runner[S]) load(ctx context.Context, records []concern) (map[string]*entry[S], []string, error) {
	entries := make(map[string]*entry[S], len(records))
	order := make([]string, 0, len(records))
	for _, c := range records {
		if entries[c.id] == nil {
			entries[c.id] = &entry[S]{}
			order = append(order, c.id)
		}
	}
	stored, err := r.collection.GetMany(ctx, order)
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
