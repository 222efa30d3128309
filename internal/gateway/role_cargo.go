package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/workers"
)

const (
	// cargoesUnwrapped is how many cargoes one process unwraps together. Each is up
	// to 9 MiB, held a few times over.
	cargoesUnwrapped = 4
	// unwrapTimeout bounds one try: thousands of items, each with its writes.
	unwrapTimeout = 2 * time.Minute
)

// cargoConsumer is the durable consumer of received cargo.
func cargoConsumer() jetstream.ConsumerSpec {
	return jetstream.ConsumerSpec{Stream: events.StreamCargo, Name: "unwrap-cargo", Filter: []string{events.CargoChannel}}
}

// cargoRole unwraps the cargo that couriers delivered.
func cargoRole() role {
	return role{name: "cargo", start: startCargo}
}

func startCargo(ctx context.Context, a *assembly) error {
	router, err := workers.NewRouter(workers.Config{
		Log:          a.services.log,
		Registerer:   prometheus.WrapRegistererWith(prometheus.Labels{"role": "cargo"}, a.metrics),
		Tracer:       a.tracer(),
		Logger:       a.loggerFor("cargo"),
		Timeout:      unwrapTimeout,
		Replays:      a.upkeep.replays,
		CloseTimeout: stopWithin[stageWorkers],
	})
	if err != nil {
		return err
	}
	consumer := cargoConsumer()
	if err := a.services.log.ProvisionConsumers(ctx, []jetstream.ConsumerSpec{consumer}); err != nil {
		return err
	}
	subscriber := a.services.log.Subscriber(jetstream.SubscriberConfig{Concurrency: cargoesUnwrapped, Drain: drain})
	router.Handle(consumer.Name, jetstream.Topic(consumer.Stream, consumer.Name), subscriber, a.usecases.unwrapCargo.Handle)
	a.life.run(stageWorkers, "cargo", router.Run)
	return a.await(ctx, router.Running())
}
