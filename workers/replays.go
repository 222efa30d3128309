package workers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

// ErrNotHere tells that this process does not run the consumer of a parked
// message: ask one that does.
var ErrNotHere = errors.New("workers: this process does not run the consumer")

// Replays knows the handlers of this process by the durable consumers that they
// belong to, so that what was parked can be handled again. Routers add theirs
// (see [Config]). It is safe for concurrent use.
type Replays struct {
	mu       sync.Mutex
	handlers map[string]Handler // by topic
}

// NewReplays returns a Replays that knows no handler.
func NewReplays() *Replays { return &Replays{handlers: map[string]Handler{}} }

// Add adds the handler of a consumer.
func (r *Replays) Add(stream, consumer string, h Handler) {
	r.add(jetstream.Topic(stream, consumer), h)
}

func (r *Replays) add(topic string, h Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handlers[topic] = h
}

// Replay lets the consumer's handler handle a record again. Its error is the
// handler's, or [ErrNotHere], or why the record still cannot be read.
func (r *Replays) Replay(ctx context.Context, consumer string, rec events.Record) error {
	r.mu.Lock()
	h := r.handlers[jetstream.Topic(rec.Stream, consumer)]
	r.mu.Unlock()
	if h == nil {
		return fmt.Errorf("%w %s of %s", ErrNotHere, consumer, rec.Stream)
	}
	if bad, ok := rec.Data.(events.Unreadable); ok {
		return fmt.Errorf("workers: still unreadable: %w", bad.Err)
	}
	return h(ctx, rec)
}

// again is h behind the middleware that stands next to a handler, for a message
// that does not come from the consumer.
func again(consumer string, h Handler, inner []message.HandlerMiddleware) Handler {
	handle := message.HandlerFunc(func(msg *message.Message) ([]*message.Message, error) {
		return nil, adapt(h)(msg)
	})
	for _, middleware := range slices.Backward(inner) {
		handle = middleware(handle)
	}
	return func(ctx context.Context, rec events.Record) error {
		msg := message.NewMessage(rec.ID, nil)
		msg.SetContext(jetstream.WithDelivery(ctx, jetstream.Delivery{Record: rec, Consumer: consumer, Attempt: 1}))
		_, err := handle(msg)
		return err
	}
}
