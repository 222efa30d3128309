package history

import (
	"context"
	"errors"
	"iter"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

// ErrNoStream says that there is no such stream.
var ErrNoStream = fault.Permanent(errors.New("history: unknown stream"))

// Recorded reads streams for evidence.Recorder. Unlike a [Query] it fails when a
// stream ends before the sequence that is asked for, which means that its end was
// lost.
type Recorded struct{ Log *jetstream.Log }

// Messages yields the stream from a sequence on, up to its end.
func (r Recorded) Messages(ctx context.Context, stream string, from uint64) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		reader := r.Log.Reader(stream, from)
		defer reader.Close(ctx)
		for {
			messages, caughtUp, err := reader.ReadMessages(ctx, batchLen)
			if err != nil {
				yield(events.Message{}, err)
				return
			}
			for _, m := range messages {
				if !yield(m, nil) {
					return
				}
			}
			if caughtUp {
				return
			}
		}
	}
}

func exceptNotFound(err error) error {
	if errors.Is(err, blobs.ErrNotFound) {
		return nil
	}
	return err
}
