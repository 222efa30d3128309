package jetstream

import (
	"context"

	"awala.network/gateway/events"
)

// Append records e and returns where it stands, once it is on disk (see the
// package comment). In a trace, the event carries the context of the span that records it; otherwise
// that of its cause, if it has one.
//
// An error means unknown: the event is stored or it is not. A retry with the
// same event id is safe: within the stream's deduplication window the event is
// stored once, and the position then says Duplicate and where the first stands.
// Errors are transient, except that an event that cannot be encoded, or is too
// large for the connection, is refused for good and stored nowhere.
//
// Any number of callers may append at once, and should: the servers sync
// concurrent appends together.
func (l *Log) Append(ctx context.Context, e events.Event) (events.Position, error) {
	return l.publish(ctx, e)
}
