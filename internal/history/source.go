package history

import (
	"context"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

// Stream is what a source knows of a stream.
type Stream struct {
	jetstream.StreamState
	// Checkpoint is the size of the newest checkpoint; 0 if there is none.
	Checkpoint int64 `json:"checkpoint"`
}

// Source is a history to look at.
type Source interface {
	// Streams describes every stream, in the order of [events.Streams].
	Streams(ctx context.Context) ([]Stream, error)
	// Messages yields what the query asks for: in the order of [Time] over all
	// streams, and in that of the sequence in each. The first error ends it.
	Messages(ctx context.Context, q Query) iter.Seq2[events.Message, error]
	// Key returns the public key that the source says its checkpoints are signed
	// with, in the form of golang.org/x/mod/sumdb/note.
	Key(ctx context.Context) (string, error)
	// Checkpoint returns the signed checkpoint of the stream at this size, or the
	// newest for 0. The error wraps blobs.ErrNotFound if there is none.
	Checkpoint(ctx context.Context, stream string, size int64) ([]byte, error)
	// Tile returns hashes of a stream's tree (see evidence.Tiles), unverified.
	Tile(ctx context.Context, stream string, t tlog.Tile) ([]byte, error)
}

// Query asks for messages.
type Query struct {
	Filter
	// Follow goes on with what is recorded later, until the context ends. Then the
	// order holds within each stream only.
	Follow bool
	// Sealed leaves out what is known of sealed names: the messages as they stand.
	Sealed bool
	// Tail begins so many messages before the end of each stream; 0 is not to.
	Tail int
}

// message is short for what everything here is about.
type message = events.Message

func isStream(name string) bool {
	for _, spec := range events.Streams() {
		if spec.Name == name {
			return true
		}
	}
	return false
}
