package jetstream

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
)

// Delivery is one try to hand a record to a consumer.
type Delivery struct {
	events.Record
	// Consumer is the durable consumer's name.
	Consumer string
	// Attempt counts the deliveries of this record to the consumer, from 1. It
	// also counts those that a process did not live to finish.
	Attempt int
}

type deliveryKey struct{}

// DeliveryFrom returns the delivery in the context of a [Subscriber]'s message.
func DeliveryFrom(ctx context.Context) (Delivery, bool) {
	d, ok := ctx.Value(deliveryKey{}).(Delivery)
	return d, ok
}

// WithDelivery returns a context that [DeliveryFrom] reads.
func WithDelivery(ctx context.Context, d Delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

// newDelivery reads a message that a consumer sent. If the names in it cannot be
// asked for at the moment, there is an error and an Attempt.
func (l *Log) newDelivery(ctx context.Context, msg natsjs.Msg) (Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return Delivery{}, err
	}
	d := Delivery{Consumer: meta.Consumer, Attempt: int(meta.NumDelivered)}
	d.Record, err = l.openRecord(ctx,
		newRecord(meta.Stream, meta.Sequence.Stream, msg.Subject(), msg.Headers(), msg.Data(), meta.Timestamp))
	return d, err
}

// newMessage returns the Watermill message of a delivery. Metadata have one
// value each: of a repeated header, the first.
func newMessage(ctx context.Context, d Delivery, msg natsjs.Msg) *message.Message {
	m := message.NewMessage(d.ID, msg.Data())
	for name, values := range msg.Headers() {
		if len(values) > 0 {
			m.Metadata.Set(name, values[0])
		}
	}
	m.SetContext(WithDelivery(ctx, d))
	return m
}
