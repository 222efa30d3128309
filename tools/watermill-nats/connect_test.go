package watermillnats

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmjs "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/faulttest"
)

const ackWait = 3 * time.Second

// connects has a connector for each package under test, and ours for
// comparison.
var connects = map[string]faulttest.Connect{
	"pkg/jetstream":      connectPull,
	"pkg/nats":           connectPush,
	"internal/jetstream": connectOurs,
}

// connectPull binds the library's newer package to a durable pull consumer made
// beforehand, which is the most favourable way to use it.
func connectPull(ctx context.Context, nc *nats.Conn) (message.Subscriber, string, error) {
	if err := provision(ctx, nc); err != nil {
		return nil, "", err
	}
	sub, err := wmjs.NewSubscriber(wmjs.SubscriberConfig{
		Conn:           nc,
		Logger:         watermill.NopLogger{},
		AckWaitTimeout: ackWait,
		ResourceInitializer: func(ctx context.Context, js natsjs.JetStream, _ string) (natsjs.Consumer, func(context.Context, watermill.LoggerAdapter), error) {
			consumer, err := js.Consumer(ctx, faulttest.Stream, faulttest.Consumer)
			return consumer, nil, err
		},
	})
	return sub, faulttest.Subjects, err
}

func provision(ctx context.Context, nc *nats.Conn) error {
	log, err := jetstream.Open(ctx, nc, jetstream.Options{Sync: jetstream.DeclaredSync()})
	if err != nil {
		return err
	}
	defer log.Close()
	return log.ProvisionConsumers(ctx, []jetstream.ConsumerSpec{{
		Stream: faulttest.Stream, Name: faulttest.Consumer, Filter: []string{faulttest.Subjects}, AckWait: ackWait,
	}})
}

// connectPush binds the library's older package, which has push consumers only,
// to a durable made beforehand, so that closing does not delete it.
func connectPush(_ context.Context, nc *nats.Conn) (message.Subscriber, string, error) {
	js, err := nc.JetStream()
	if err != nil {
		return nil, "", err
	}
	if _, err := js.AddConsumer(faulttest.Stream, &nats.ConsumerConfig{
		Durable: faulttest.Consumer, DeliverSubject: "deliver.faults", DeliverGroup: "faults", FilterSubject: faulttest.Subjects,
		AckPolicy: nats.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1000,
	}); err != nil {
		return nil, "", err
	}
	sub, err := wmnats.NewSubscriberWithNatsConn(nc, wmnats.SubscriberSubscriptionConfig{
		AckWaitTimeout:   ackWait,
		CloseTimeout:     5 * time.Second,
		QueueGroupPrefix: "faults",
		JetStream: wmnats.JetStreamConfig{
			DurablePrefix:    faulttest.Consumer,
			SubscribeOptions: []nats.SubOpt{nats.Bind(faulttest.Stream, faulttest.Consumer), nats.ManualAck()},
		},
	}, watermill.NopLogger{})
	return sub, faulttest.Subjects, err
}

func connectOurs(ctx context.Context, nc *nats.Conn) (message.Subscriber, string, error) {
	if err := provision(ctx, nc); err != nil {
		return nil, "", err
	}
	log, err := jetstream.Open(ctx, nc, jetstream.Options{Sync: jetstream.DeclaredSync()})
	if err != nil {
		return nil, "", err
	}
	return log.Subscriber(jetstream.SubscriberConfig{
		Concurrency: 32,
		Key:         func(r events.Record) string { return r.Subject },
		NakDelay:    func(int) time.Duration { return 100 * time.Millisecond },
	}), jetstream.Topic(faulttest.Stream, faulttest.Consumer), nil
}
