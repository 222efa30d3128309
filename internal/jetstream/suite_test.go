package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

// suiteSubscriber gives Watermill's suite what it expects of a Pub/Sub that
// makes its own topics: a stream and a durable consumer for each, bound by
// name.
type suiteSubscriber struct {
	*jetstream.Subscriber
	t     *testing.T
	log   *jetstream.Log
	group string // the durable consumer's name
}

func (p suiteSubscriber) SubscribeInitialize(topic string) error {
	err := p.log.Provision(p.t.Context(), []events.StreamSpec{
		{Name: topic, Subjects: []string{topic}, DuplicateWindow: time.Minute},
	})
	if err != nil {
		return err
	}
	return p.log.ProvisionConsumers(p.t.Context(), []jetstream.ConsumerSpec{{Stream: topic, Name: p.group}})
}

func (p suiteSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return p.Subscriber.Subscribe(ctx, jetstream.Topic(topic, p.group))
}

// TestWatermillSuite runs Watermill's own conformance suite, with and without
// order.
func TestWatermillSuite(t *testing.T) {
	one := func(events.Record) string { return "one lane" }
	tests := map[string]struct {
		features tests.Features
		key      func(events.Record) string
	}{
		"one lane": {tests.Features{Persistent: true, ConsumerGroups: true, GuaranteedOrder: true, GuaranteedOrderWithSingleSubscriber: true}, one},
		"no order": {tests.Features{Persistent: true, ConsumerGroups: true}, nil},
	}
	for name, tc := range tests {
		tc.features.ForceShort = testing.Short()
		t.Run(name, func(t *testing.T) { runSuite(t, newSite(t), tc.features, tc.key) })
	}
}

func runSuite(t *testing.T, s *site, features tests.Features, key func(events.Record) string) {
	inGroup := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		config := jetstream.SubscriberConfig{
			Key:      key,
			NakDelay: func(int) time.Duration { return 10 * time.Millisecond },
			Drain:    100 * time.Millisecond,
		}
		config.SetPullWait(100 * time.Millisecond) // the suite closes hundreds, one after another
		subscriber := s.log.Subscriber(config)
		// The suite itself does not close all that it opens.
		t.Cleanup(func() { _ = subscriber.Close() })
		return s.log.Publisher(), suiteSubscriber{subscriber, t, s.log, group}
	}
	alone := func(t *testing.T) (message.Publisher, message.Subscriber) { return inGroup(t, "suite") }
	tests.TestPubSub(t, features, alone, inGroup)
}
