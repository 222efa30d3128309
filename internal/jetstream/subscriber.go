package jetstream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
)

// SubscriberConfig says how a [Subscriber] hands out messages.
type SubscriberConfig struct {
	// Concurrency is how many messages handlers may have in hand; 0 is 8.
	Concurrency int
	// Prefetch is how many lanes the process may have messages of, those in
	// hand included; 0 is four times Concurrency.
	Prefetch int
	// Hold is how many messages the process may hold. It bounds the memory
	// that one long lane can take, and only a lane longer than this can keep
	// others waiting; 0 is 1,000.
	Hold int
	// Key names the lane of a record: records of one lane are handed out one
	// at a time, in order. Other lanes pass by. With nil, or where it returns
	// "", there is no order.
	Key func(events.Record) string
	// NakDelay is how long a refused message stays away, given how often it
	// has been delivered. Those behind it in its lane do not wait. nil doubles
	// from 1 s to 5 min, less a random half.
	NakDelay func(attempt int) time.Duration
	// Drain is how long handlers may go on with what they have in hand when
	// the subscription ends; 0 is 10 s.
	Drain time.Duration

	pullWait time.Duration // 0 is the constant
}

func (c *SubscriberConfig) setDefaults() {
	if c.Concurrency == 0 {
		c.Concurrency = 8
	}
	if c.Prefetch == 0 {
		c.Prefetch = 4 * c.Concurrency
	}
	if c.Hold == 0 {
		c.Hold = 1000
	}
	c.Prefetch = max(c.Prefetch, c.Concurrency)
	c.Hold = max(c.Hold, c.Prefetch)
	if c.Key == nil {
		c.Key = func(events.Record) string { return "" }
	}
	if c.NakDelay == nil {
		c.NakDelay = nakDelay
	}
	if c.Drain == 0 {
		c.Drain = 10 * time.Second
	}
	if c.pullWait == 0 {
		c.pullWait = pullWait
	}
}

func nakDelay(attempt int) time.Duration {
	d := min(time.Second<<min(attempt-1, 20), 5*time.Minute)
	return d - rand.N(d/2+1)
}

// Subscriber is Watermill's subscriber over durable pull consumers that exist
// already ([Log.ProvisionConsumers]); it makes none and removes none. The topic
// comes from [Topic].
//
// Processes may share a consumer; lanes keep order within a process. A message
// is delivered until it is acknowledged, and again if the process dies. While a
// message is held, here or by a handler, the server is told so, however long it
// takes. A message that cannot be read is delivered like any other, with
// [events.Unreadable] data, for the handler to set aside.
type Subscriber struct {
	log    *Log
	config SubscriberConfig
	life   lifetime
}

// Subscriber returns a subscriber for workers.
func (l *Log) Subscriber(config SubscriberConfig) *Subscriber {
	config.setDefaults()
	return &Subscriber{log: l, config: config}
}

// Topic returns the Watermill topic of a durable consumer.
func Topic(stream, consumer string) string { return stream + "/" + consumer }

// Subscribe delivers messages until ctx ends or Close. Then it gives back what
// no handler has begun, waits SubscriberConfig.Drain for what they have in
// hand, gives that back too, and closes the channel. The consumer must exist;
// that it is gone later is logged, again and again, until it is back.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	stream, name, ok := strings.Cut(topic, "/")
	if !ok {
		return nil, fmt.Errorf("jetstream: topic %q is not STREAM/consumer", topic)
	}
	lookup, cancel := s.log.bounded(ctx)
	defer cancel()
	consumer, err := s.log.js.Consumer(lookup, stream, name)
	if err != nil {
		return nil, fmt.Errorf("jetstream: subscribe to %s: %w", topic, err)
	}
	run := newSubscription(s.log, s.config, consumer)
	if err := s.life.start(ctx, run.run); err != nil {
		return nil, err
	}
	return run.out, nil
}

// Close ends every subscription and waits for them.
func (s *Subscriber) Close() error {
	s.life.close()
	return nil
}
