package projections

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

const (
	// fillBatch is how many records are folded and written at a time when a
	// version is filled from the history.
	fillBatch = 10_000
	// readAhead is how many such batches are read while one is written.
	readAhead = 2
)

// chunk is a batch that was read.
type chunk struct {
	records  []events.Record
	caughtUp bool
}

// fill folds the history into a collection, from its checkpoint up to the
// sequence to, or to the end of the history if to is 0. It returns the new
// checkpoint. It can be interrupted at any moment, and goes on from there.
func (m *Maintenance[S]) fill(ctx context.Context, c documents.Collection, to uint64, report func(checkpoint uint64)) (uint64, error) {
	runner := NewRunner(m.projection, c, m.logger)
	from, err := runner.From(ctx)
	if err != nil {
		return 0, err
	}
	checkpoint := from - 1
	if runner.recent, err = m.recent(ctx, c, checkpoint); err != nil {
		return 0, err
	}
	if to > 0 && checkpoint >= to {
		return checkpoint, nil
	}
	group, ctx := errgroup.WithContext(ctx)
	chunks := make(chan chunk, readAhead)
	group.Go(func() error {
		defer close(chunks)
		return m.read(ctx, from, to, chunks)
	})
	group.Go(func() error {
		for next := range chunks {
			if _, err := runner.Apply(ctx, next.records); err != nil {
				return err
			}
			if n := len(next.records); n > 0 {
				checkpoint = next.records[n-1].Sequence
			}
			report(checkpoint)
		}
		return nil
	})
	err = group.Wait()
	return checkpoint, err
}

// read reads ahead of those who fold.
func (m *Maintenance[S]) read(ctx context.Context, from, to uint64, chunks chan<- chunk) error {
	stream := m.projection.Spec().Stream
	records := m.history.Records(stream, from)
	defer records.Close(ctx)
	for {
		batch, caughtUp, err := records.Read(ctx, fillBatch)
		if err != nil {
			return fmt.Errorf("projections: read %s: %w", stream, err)
		}
		if to > 0 {
			var reached bool
			batch, reached = upTo(batch, to)
			caughtUp = caughtUp || reached
		}
		select {
		case chunks <- chunk{batch, caughtUp}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if caughtUp {
			return nil
		}
	}
}

// upTo cuts off what stands after a sequence, and tells whether that was reached.
func upTo(batch []events.Record, to uint64) ([]events.Record, bool) {
	n := len(batch)
	for n > 0 && batch[n-1].Sequence > to {
		n--
	}
	return batch[:n], n < len(batch) || (n > 0 && batch[n-1].Sequence == to)
}

// recent returns what the runner may keep: everything if there is nothing yet.
func (m *Maintenance[S]) recent(ctx context.Context, c documents.Collection, checkpoint uint64) (*recent[S], error) {
	if checkpoint > 0 {
		return newRecent[S](false), nil
	}
	n, err := c.Count(ctx) // documents may be there without a checkpoint
	if err != nil {
		return nil, fmt.Errorf("projections: %s: %w", m.projection.Spec().Name, err)
	}
	return newRecent[S](n == 0), nil
}
