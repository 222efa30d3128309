package formerstan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/stan.go"

	"awala.network/gateway/internal/takeover"
)

// errEnough ends a reading early.
var errEnough = errors.New("enough")

// reading is a subscription that ends.
type reading struct {
	channel string
	// next and to are the sequences of the next and of the last message to yield.
	next, to uint64
	// anyOrder takes messages up to to as they come.
	anyOrder bool
	// ended tells, when it has been quiet for a while, whether nothing is to come.
	ended func(context.Context) (bool, error)
	lost  <-chan struct{}
}

// run yields the messages of a subscription until the last one, or yield's error.
func (r *reading) run(
	ctx context.Context, yield func(takeover.Message) error, subscribe func(stan.MsgHandler) (stan.Subscription, error),
) error {
	received, done := make(chan takeover.Message), make(chan struct{})
	sub, err := subscribe(func(m *stan.Msg) {
		select {
		case received <- takeover.Message{Sequence: m.Sequence, Data: m.Data}:
		case <-done:
		}
	})
	if err != nil {
		close(done)
		return fmt.Errorf("NATS Streaming: subscribe to %s: %w", r.channel, err)
	}
	err = r.take(ctx, received, yield)
	close(done)
	// Close leaves a durable group as it is, unlike Unsubscribe.
	if closing := sub.Close(); err == nil && closing != nil && !errors.Is(closing, stan.ErrConnectionClosed) {
		err = fmt.Errorf("NATS Streaming: leave %s: %w", r.channel, closing)
	}
	return err
}

func (r *reading) take(ctx context.Context, received <-chan takeover.Message, yield func(takeover.Message) error) error {
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for r.anyOrder || r.next <= r.to {
		select {
		case m := <-received:
			quiet.Reset(silence)
			if m.Sequence > r.to || !r.anyOrder && m.Sequence < r.next {
				if m.Sequence > r.to && !r.anyOrder {
					return nil // those in between are gone
				}
				continue // sent again
			}
			r.next = m.Sequence + 1
			if err := yield(m); err != nil {
				return err
			}
		case <-quiet.C:
			quiet.Reset(silence)
			if ended, err := r.ended(ctx); err != nil || ended {
				return err
			}
		case <-r.lost:
			return errLost
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// sorted returns the messages by their sequence.
func sorted(messages map[uint64]takeover.Message) []takeover.Message {
	return slices.SortedFunc(maps.Values(messages), func(a, b takeover.Message) int {
		return cmp.Compare(a.Sequence, b.Sequence)
	})
}
