package workers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/workers"
)

// TestStuckMessagesStopNoOther has more messages wait for their next try than a
// server holds for a consumer by itself, and then one that is good.
func TestStuckMessagesStopNoOther(t *testing.T) {
	const stuck = 1200
	log := jetstreamtest.Open(t)
	err := log.ProvisionConsumers(t.Context(), []jetstream.ConsumerSpec{{Stream: events.StreamGateway, Name: "worker"}})
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(64)
	for n := range stuck {
		group.Go(func() error {
			_, err := log.Append(t.Context(), events.New(fmt.Sprint(n), "test", time.Now(), events.IdentityCreated{NodeID: "0a"}))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), events.New("good", "test", time.Now(), events.IdentityCreated{NodeID: "0a"})); err != nil {
		t.Fatal(err)
	}
	handled := make(chan string, 1)
	sub := log.Subscriber(jetstream.SubscriberConfig{NakDelay: func(int) time.Duration { return time.Hour }})
	router := start(t, log, func(r *workers.Router) {
		r.Handle("h", topic, sub, func(_ context.Context, rec events.Record) error {
			if rec.ID != "good" {
				return errors.New("an outage of what it needs alone")
			}
			handled <- rec.ID
			return nil
		})
	})
	receive(t, handled, "good")
	if err := router.stop(); err != nil {
		t.Error(err)
	}
}
