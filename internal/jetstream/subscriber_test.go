package jetstream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

func subscribe(t *testing.T, s *site, spec jetstream.ConsumerSpec, config jetstream.SubscriberConfig) <-chan *message.Message {
	t.Helper()
	spec.Stream, spec.Name = events.StreamGatewayParcels, "worker"
	if err := s.log.ProvisionConsumers(t.Context(), []jetstream.ConsumerSpec{spec}); err != nil {
		t.Fatal(err)
	}
	subscriber := s.log.Subscriber(config)
	t.Cleanup(func() { _ = subscriber.Close() })
	msgs, err := subscriber.Subscribe(t.Context(), jetstream.Topic(spec.Stream, spec.Name))
	if err != nil {
		t.Fatal(err)
	}
	return msgs
}

func byGateway(r events.Record) string { return r.Subject }

func TestDeliveryHasItsPosition(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 1)
	msgs := subscribe(t, s, jetstream.ConsumerSpec{}, jetstream.SubscriberConfig{
		NakDelay: func(int) time.Duration { return time.Millisecond },
	})
	for attempt := 1; attempt <= 2; attempt++ {
		msg := nextMessage(t, msgs)
		d, ok := jetstream.DeliveryFrom(msg.Context())
		if !ok || d.Attempt != attempt || d.Consumer != "worker" || d.Sequence != 1 ||
			d.Stream != events.StreamGatewayParcels || d.ID != "e1" || msg.UUID != "e1" {
			t.Errorf("delivery %d is %+v", attempt, d)
		}
		if attempt == 1 {
			msg.Nack()
		} else {
			msg.Ack()
		}
	}
}

// TestLongHandlerKeepsItsMessage has a handler take several times as long as
// the server waits for a sign of life.
func TestLongHandlerKeepsItsMessage(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 2)
	msgs := subscribe(t, s, jetstream.ConsumerSpec{AckWait: 200 * time.Millisecond}, jetstream.SubscriberConfig{Key: byGateway})
	first := nextMessage(t, msgs)
	select {
	case msg := <-msgs:
		t.Fatalf("message %s came while the first was in hand", msg.UUID)
	case <-time.After(time.Second):
	}
	first.Ack()
	// The second waited as long in its lane.
	second := nextMessage(t, msgs)
	if d, _ := jetstream.DeliveryFrom(second.Context()); d.ID != "e2" || d.Attempt != 1 {
		t.Errorf("second delivery is %+v", d)
	}
	second.Ack()
}

// TestLongLaneLeavesRoom has one gateway with far more messages than the
// process prefetches, none of which ends; another gateway's must still come.
func TestLongLaneLeavesRoom(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 50)
	if _, err := s.log.Append(t.Context(), accepted("other", "0b")); err != nil {
		t.Fatal(err)
	}
	msgs := subscribe(t, s, jetstream.ConsumerSpec{}, jetstream.SubscriberConfig{
		Key: byGateway, Concurrency: 2, Prefetch: 4, Drain: time.Millisecond,
	})
	got := nextMessage(t, msgs).UUID + " " + nextMessage(t, msgs).UUID
	if want := "e1 other"; got != want {
		t.Errorf("messages %s, want %s", got, want)
	}
}

func TestSubscriptionOutlivesRestart(t *testing.T) {
	s := newSite(t)
	msgs := subscribe(t, s, jetstream.ConsumerSpec{AckWait: time.Second}, jetstream.SubscriberConfig{})
	for i := range 3 {
		fill(t, s, i, 1)
		msg := nextMessage(t, msgs)
		if want := fmt.Sprintf("e%d", i); msg.UUID != want {
			t.Errorf("message %s, want %s", msg.UUID, want)
		}
		msg.Ack()
		if err := s.nc.Flush(); err != nil { // the server knows
			t.Fatal(err)
		}
		s.stop()
		s.start()
	}
}

// TestHandlerMayFinishAtTheEnd closes the subscriber while a handler has a
// message in hand: its acknowledgement must still count.
func TestHandlerMayFinishAtTheEnd(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 1)
	spec := jetstream.ConsumerSpec{Stream: events.StreamGatewayParcels, Name: "worker"}
	if err := s.log.ProvisionConsumers(t.Context(), []jetstream.ConsumerSpec{spec}); err != nil {
		t.Fatal(err)
	}
	subscriber := s.log.Subscriber(jetstream.SubscriberConfig{})
	msgs, err := subscriber.Subscribe(t.Context(), jetstream.Topic(spec.Stream, spec.Name))
	if err != nil {
		t.Fatal(err)
	}
	msg := nextMessage(t, msgs)
	closed := make(chan error)
	go func() { closed <- subscriber.Close() }()
	select {
	case <-closed:
		t.Fatal("Close did not wait for the handler")
	case <-msg.Context().Done():
		t.Fatal("the handler was cancelled at once")
	case <-time.After(50 * time.Millisecond):
	}
	msg.Ack()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if n := ackPending(t, s, spec); n != 0 {
		t.Errorf("%d messages are unacknowledged", n)
	}
}

func ackPending(t *testing.T, s *site, spec jetstream.ConsumerSpec) int {
	t.Helper()
	js, err := s.nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	info, err := js.ConsumerInfo(spec.Stream, spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	return info.NumAckPending
}

func TestSubscribeToWhatDoesNotExist(t *testing.T) {
	s := newSite(t)
	subscriber := s.log.Subscriber(jetstream.SubscriberConfig{})
	for _, topic := range []string{"no-slash", jetstream.Topic(events.StreamCargo, "none"), jetstream.Topic("NONE", "none")} {
		if _, err := subscriber.Subscribe(t.Context(), topic); err == nil {
			t.Errorf("subscribed to %s", topic)
		}
	}
}
