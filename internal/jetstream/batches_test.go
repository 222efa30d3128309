package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

func batches(t *testing.T, s *site, config jetstream.BatchConfig) <-chan *message.Message {
	t.Helper()
	config.Backoff = func(int) time.Duration { return time.Millisecond }
	if config.From == nil {
		config.From = func(context.Context) (uint64, error) { return 1, nil }
	}
	subscriber := s.log.BatchSubscriber(config)
	t.Cleanup(func() { _ = subscriber.Close() })
	msgs, err := subscriber.Subscribe(t.Context(), events.StreamGatewayParcels)
	if err != nil {
		t.Fatal(err)
	}
	return msgs
}

func nextMessage(t *testing.T, msgs <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg := <-msgs:
		return msg
	case <-time.After(10 * time.Second):
		t.Fatal("no message came")
		return nil
	}
}

func batchOf(t *testing.T, msg *message.Message) jetstream.Batch {
	t.Helper()
	batch, ok := jetstream.BatchFrom(msg.Context())
	if !ok {
		t.Fatal("the message has no batch")
	}
	return batch
}

func TestBatchSubscriber(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 5)
	msgs := batches(t, s, jetstream.BatchConfig{
		Limit: 2,
		From:  func(context.Context) (uint64, error) { return 3, nil },
	})
	msg := nextMessage(t, msgs)
	if got, want := sequences(batchOf(t, msg)), "[3 4] false"; got != want {
		t.Errorf("batch %s, want %s", got, want)
	}
	if got, want := string(msg.Payload), `{"stream":"PDC_PARCELS","first":3,"last":4,"count":2,"caughtUp":false}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
	msg.Nack()
	again := nextMessage(t, msgs)
	if got, want := sequences(batchOf(t, again)), "[3 4] false"; got != want || again.UUID != msg.UUID {
		t.Errorf("after a refusal: %s %s, want %s %s", again.UUID, got, msg.UUID, want)
	}
	again.Ack()
	last := nextMessage(t, msgs)
	if got, want := sequences(batchOf(t, last)), "[5] true"; got != want {
		t.Errorf("batch %s, want %s", got, want)
	}
	last.Ack()
}

func TestBatchSubscriberTellsThatThereIsNothing(t *testing.T) {
	s := newSite(t)
	msgs := batches(t, s, jetstream.BatchConfig{})
	msg := nextMessage(t, msgs)
	if got, want := sequences(batchOf(t, msg)), "[] true"; got != want {
		t.Errorf("batch %s, want %s", got, want)
	}
	msg.Ack()
	fill(t, s, 1, 1)
	msg = nextMessage(t, msgs)
	if got, want := sequences(batchOf(t, msg)), "[1] true"; got != want {
		t.Errorf("batch %s, want %s", got, want)
	}
	msg.Ack()
}

func TestBatchSubscriberAsksAgainWhereToStart(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 1)
	calls := 0
	msgs := batches(t, s, jetstream.BatchConfig{From: func(context.Context) (uint64, error) {
		if calls++; calls < 3 {
			return 0, errors.New("the store is away")
		}
		return 1, nil
	}})
	if got, want := sequences(batchOf(t, nextMessage(t, msgs))), "[1] true"; got != want {
		t.Errorf("batch %s, want %s", got, want)
	}
}

func TestBatchSubscriberTellsThatItCannotGoOn(t *testing.T) {
	s := newSite(t)
	msgs := batches(t, s, jetstream.BatchConfig{From: func(context.Context) (uint64, error) { return 9, nil }})
	if batch := batchOf(t, nextMessage(t, msgs)); !errors.Is(batch.Err, jetstream.ErrAhead) {
		t.Errorf("batch %+v", batch)
	}
}

func TestBatchSubscriberCloses(t *testing.T) {
	s := newSite(t)
	subscriber := s.log.BatchSubscriber(jetstream.BatchConfig{
		From: func(context.Context) (uint64, error) { return 1, nil },
	})
	msgs, err := subscriber.Subscribe(t.Context(), events.StreamGatewayParcels)
	if err != nil {
		t.Fatal(err)
	}
	nextMessage(t, msgs) // is left unanswered
	if err := subscriber.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-msgs; open {
		t.Error("the channel is open after Close")
	}
	if _, err := subscriber.Subscribe(t.Context(), events.StreamGatewayParcels); !errors.Is(err, jetstream.ErrClosed) {
		t.Errorf("Subscribe after Close: %v", err)
	}
}
