package projections

import (
	"context"

	"awala.network/gateway/events"
)

// Log is what a [Reader] needs of the event history. Package onjetstream fits
// internal/jetstream to it.
type Log interface {
	// Next returns the first record on the subject whose sequence is at least
	// from, or io.EOF when there is none.
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
	// LastSequence returns the sequence of the last record on the subject, 0 if
	// there is none. It knows of every record whose append has returned.
	LastSequence(ctx context.Context, stream, subject string) (uint64, error)
	// Watch listens to the subjects. When it returns, every record stored from
	// then on is either yielded, or there is a gap in its place.
	Watch(ctx context.Context, subjects ...string) (Watch, error)
}

// Watch yields what is stored live. One goroutine reads it.
type Watch interface {
	// Next waits for a record or a gap; its only error is that ctx ended.
	Next(ctx context.Context) (Live, error)
	// Poll returns a record or a gap if there is one; it does not wait for one.
	Poll(ctx context.Context) (Live, bool)
	// Close ends the watch.
	Close()
}

// Live is a record just stored, or a gap.
type Live struct {
	events.Record
	// Previous is the sequence of the record before this one on the same
	// subject, 0 when it is the first.
	Previous uint64
	// Gap says that records may have been missed.
	Gap bool
}
