package history

import (
	"bytes"
	"context"
	"iter"
	"strings"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

// Naming reads what the history has of one private gateway, and opens nothing else.
type Naming struct {
	Log   *jetstream.Log
	Names events.Names
}

// Naming yields the records of a stream that have a pseudonym in them, in order, up to
// the last that there is.
func (n Naming) Naming(ctx context.Context, stream, pseudonym string) iter.Seq2[events.Record, error] {
	return func(yield func(events.Record, error) bool) {
		for m, err := range (Recorded{n.Log}).Messages(ctx, stream, 1) {
			if err != nil {
				yield(events.Record{}, err)
				return
			}
			if !strings.Contains(m.Subject, pseudonym) && !bytes.Contains(m.Body, []byte(pseudonym)) {
				continue
			}
			r, err := m.Record().Open(ctx, n.Names)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
