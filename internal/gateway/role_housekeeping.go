package gateway

import (
	"context"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/workers"
)

// How often housekeeping looks. Nothing depends on its being quick: what has
// expired is withheld by those who would hand it out.
const (
	endingInterval   = time.Minute
	rotationInterval = time.Hour
	keysInterval     = 24 * time.Hour
	sweepInterval    = 6 * time.Hour
	evidenceInterval = 5 * time.Minute
)

// drain is how long handlers may go on when the role stops. What they do not
// finish is delivered again.
const drain = 1500 * time.Millisecond

// blobConsumers are the durable consumers that delete the blobs of what has
// ended, one for each stream of things with blobs.
func blobConsumers() []jetstream.ConsumerSpec {
	return []jetstream.ConsumerSpec{
		{Stream: events.StreamGatewayParcels, Name: "delete-blob", Filter: []string{events.GatewayParcelOutcomes("*")}},
		{Stream: events.StreamInternetParcels, Name: "delete-blob", Filter: []string{events.InternetParcelsOutcomes}},
		{Stream: events.StreamCargo, Name: "delete-blob", Filter: []string{events.CargoOutcomes}},
	}
}

// housekeepingRole ends what has expired or was replaced, removes what is no
// longer needed, and renews the gateway's own certificate.
func housekeepingRole() role {
	return role{name: "housekeeping", start: startHousekeeping}
}

func startHousekeeping(ctx context.Context, a *assembly) error {
	router, err := a.newRouter("housekeeping")
	if err != nil {
		return err
	}
	consumers := blobConsumers()
	if err := a.services.log.ProvisionConsumers(ctx, consumers); err != nil {
		return err
	}
	for _, c := range consumers {
		subscriber := a.services.log.Subscriber(jetstream.SubscriberConfig{Drain: drain})
		router.Handle(c.Name+" "+c.Stream, jetstream.Topic(c.Stream, c.Name), subscriber,
			func(ctx context.Context, r events.Record) error { return a.usecases.delete.Handle(ctx, r.Event) })
	}
	runners := append(a.housekeepingTasks(), router.Run)
	a.life.run(stageWorkers, "housekeeping", func(ctx context.Context) error { return workers.Run(ctx, runners...) })
	return a.await(ctx, router.Running())
}

// housekeepingTasks are what is done again and again.
func (a *assembly) housekeepingTasks() []workers.Runner {
	task := func(name string, interval time.Duration, do func(context.Context) error) workers.Runner {
		return workers.Ticker{Name: name, Interval: interval, Do: do, Logger: a.loggerFor("housekeeping")}.Run
	}
	return []workers.Runner{
		task("expire parcels", endingInterval, func(ctx context.Context) error {
			_, err := a.usecases.expire.Run(ctx)
			return err
		}),
		task("replace parcels", endingInterval, func(ctx context.Context) error {
			_, err := a.usecases.replace.Run(ctx)
			return err
		}),
		task("rotate the own certificate", rotationInterval, func(ctx context.Context) error {
			_, err := a.identity.RotateIfDue(ctx)
			return err
		}),
		task("forget session keys", keysInterval, func(ctx context.Context) error {
			_, err := a.usecases.forgetKeys.Run(ctx)
			return err
		}),
		task("keep forgotten what was forgotten", keysInterval, func(ctx context.Context) error {
			_, err := a.usecases.keepForgotten.Run(ctx)
			return err
		}),
		task("sign the history", evidenceInterval, a.signHistory),
		task("sweep blobs", sweepInterval, func(ctx context.Context) error {
			return sweepBlobs(ctx, a.services.blobs, time.Now().Add(-blobGrace))
		}),
	}
}
