// Package onjetstream fits the event history of internal/jetstream to the port
// that package projections declares.
package onjetstream

import (
	"context"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/projections"
)

// Log is a [projections.Log] on JetStream.
type Log struct{ *jetstream.Log }

// Watch is that of the history, as projections want it.
func (l Log) Watch(ctx context.Context, subjects ...string) (projections.Watch, error) {
	w, err := l.Log.Watch(ctx, subjects...)
	if err != nil {
		return nil, err
	}
	return watch{w}, nil
}

type watch struct{ *jetstream.Watch }

// Next converts between two types of one shape.
func (w watch) Next(ctx context.Context) (projections.Live, error) {
	live, err := w.Watch.Next(ctx)
	return projections.Live(live), err
}

// Poll converts between two types of one shape.
func (w watch) Poll(ctx context.Context) (projections.Live, bool) {
	live, ok := w.Watch.Poll(ctx)
	return projections.Live(live), ok
}

// Records reads a stream, as projections want it.
func (l Log) Records(stream string, from uint64) projections.Records {
	return records{l.Log.Reader(stream, from)}
}

type records struct{ *jetstream.Reader }

// Read unpacks a batch.
func (r records) Read(ctx context.Context, limit int) ([]events.Record, bool, error) {
	batch, err := r.Reader.Read(ctx, limit)
	return batch.Records, batch.CaughtUp, err
}
