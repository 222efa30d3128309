package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/faulttest"
)

// TestSubscriberFaults runs the faults that Watermill's suite leaves out.
func TestSubscriberFaults(t *testing.T) {
	away := 10 * time.Second
	if testing.Short() {
		away = 0
	}
	for _, scenario := range faulttest.Scenarios(away) {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			rig, err := faulttest.NewRig(t.Context(), t.TempDir(), connectOurs(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(rig.Close)
			if err := scenario.Run(t.Context(), rig); err != nil {
				t.Error(err)
			}
		})
	}
}

func connectOurs(t *testing.T) faulttest.Connect {
	return func(ctx context.Context, nc *nats.Conn) (message.Subscriber, string, error) {
		log, err := jetstream.Open(ctx, nc, jetstream.Options{Sync: jetstream.DeclaredSync()})
		if err != nil {
			return nil, "", err
		}
		t.Cleanup(log.Close)
		err = log.ProvisionConsumers(ctx, []jetstream.ConsumerSpec{{
			Stream: faulttest.Stream, Name: faulttest.Consumer, Filter: []string{faulttest.Subjects}, AckWait: 3 * time.Second,
		}})
		subscriber := log.Subscriber(jetstream.SubscriberConfig{
			Concurrency: 32,
			Key:         func(r events.Record) string { return r.Subject },
			NakDelay:    func(int) time.Duration { return 100 * time.Millisecond },
		})
		return subscriber, jetstream.Topic(faulttest.Stream, faulttest.Consumer), err
	}
}
