package workers

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

// Handler is a use case: it does what follows from one record. The class of its
// error says what becomes of the message (see the package comment).
type Handler func(ctx context.Context, rec events.Record) error

// BatchHandler folds a batch of records into a projection. A batch is tried
// until it is taken: only a fatal error ends that, by stopping the router.
type BatchHandler func(ctx context.Context, batch jetstream.Batch) error

var (
	errNoDelivery = errors.New("workers: the message is not from a jetstream.Subscriber")
	errNoBatch    = errors.New("workers: the message is not from a jetstream.BatchSubscriber")
)

// adapt makes a Watermill handler of h.
func adapt(h Handler) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		delivery, ok := jetstream.DeliveryFrom(msg.Context())
		if !ok {
			return fault.Fatal(errNoDelivery)
		}
		return h(msg.Context(), delivery.Record)
	}
}

// adaptBatch makes a Watermill handler of h.
func adaptBatch(h BatchHandler) message.NoPublishHandlerFunc {
	return func(msg *message.Message) error {
		batch, ok := jetstream.BatchFrom(msg.Context())
		if !ok {
			return fault.Fatal(errNoBatch)
		}
		if batch.Err != nil {
			return batch.Err
		}
		return h(msg.Context(), batch)
	}
}
