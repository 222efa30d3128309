package jetstream

import (
	"context"
	"fmt"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

// ConsumerSpec describes a durable pull consumer that worker processes share.
// There are few of them, and none per private gateway: a consumer costs a
// server about 30 KB and a stream takes 1,000 by default.
type ConsumerSpec struct {
	// Stream and Name say where it is; Name has no dots or spaces.
	Stream, Name string
	// Filter lists the subjects that it takes; none is all.
	Filter []string
	// AckWait is how long a message may go without a sign of life before
	// another process gets it; 0 is 5 s. Subscribers send signs of life three
	// times as often, so that is how long the dead keep what they had in hand.
	AckWait time.Duration
	// MaxAckPending is how many messages all processes together may hold, those
	// that wait for their next try included: when there are so many, none but them
	// is delivered. 0 is 50,000, which costs a server some megabytes. How many a
	// process has in hand is its own affair (see [SubscriberConfig]).
	MaxAckPending int
	// Backoff replaces AckWait: the wait before the first redelivery, the
	// second, and so on, the last one for all that follow.
	Backoff []time.Duration
}

// maxAckPending is far from what an outage that concerns some messages alone can leave
// waiting, so that these do not stop the others.
const maxAckPending = 50_000

// ProvisionConsumers makes each consumer as specified, or brings an existing
// one there, which keeps its place. Consumers start with the whole history and
// redeliver without limit: giving up is the subscriber's decision, and leaves
// an event.
func (l *Log) ProvisionConsumers(ctx context.Context, specs []ConsumerSpec) error {
	for _, spec := range specs {
		err := l.insist(ctx, func(ctx context.Context) error {
			_, err := l.js.CreateOrUpdateConsumer(ctx, spec.Stream, spec.config())
			return err
		})
		if err != nil {
			return fmt.Errorf("jetstream: provision consumer %s of %s: %w", spec.Name, spec.Stream, err)
		}
	}
	return nil
}

// ackWait is the usual [ConsumerSpec] AckWait. Couriers wait ten seconds between
// delivering and collecting.
const ackWait = 5 * time.Second

func (s ConsumerSpec) config() natsjs.ConsumerConfig {
	c := natsjs.ConsumerConfig{
		Durable:        s.Name,
		FilterSubjects: s.Filter,
		AckPolicy:      natsjs.AckExplicitPolicy,
		AckWait:        s.AckWait,
		MaxAckPending:  s.MaxAckPending,
		MaxDeliver:     -1,
		BackOff:        s.Backoff,
		DeliverPolicy:  natsjs.DeliverAllPolicy,
	}
	if c.AckWait == 0 {
		c.AckWait = ackWait
	}
	if len(c.BackOff) > 0 {
		c.AckWait = c.BackOff[0]
	}
	if c.MaxAckPending == 0 {
		c.MaxAckPending = maxAckPending
	}
	return c
}

// patience is the shortest time that the consumer waits for a sign of life.
func patience(c natsjs.ConsumerConfig) time.Duration {
	shortest := c.AckWait
	for _, wait := range c.BackOff {
		shortest = min(shortest, wait)
	}
	return shortest
}
