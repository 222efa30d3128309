package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers"
)

// projectionsRole keeps the read models up to date. Its start ends when they
// have caught up with the history, so that what starts after it need not fold a
// long tail at each request.
func projectionsRole() role {
	return role{name: "projections", start: startProjections}
}

// purgeInterval is how often documents are removed that have served their time.
const purgeInterval = 6 * time.Hour

func startProjections(ctx context.Context, a *assembly) error {
	router, err := a.newRouter("projections")
	if err != nil {
		return err
	}
	peers, err := projections.Open(ctx, a.services.documents, projections.Peers{})
	if err != nil {
		return err
	}
	deliveries, err := projections.Open(ctx, a.services.documents, projections.Deliveries{})
	if err != nil {
		return err
	}
	destinations, err := projections.Open(ctx, a.services.documents, projections.Destinations{})
	if err != nil {
		return err
	}
	keepers := []keeper{
		keep(a, router, projections.Mailbox{}, a.usecases.mailboxCollection),
		keep(a, router, projections.Peers{}, peers),
		keep(a, router, projections.Deliveries{}, deliveries),
		keep(a, router, projections.Destinations{}, destinations),
	}
	runners := []workers.Runner{router.Run}
	for _, k := range keepers {
		runners = append(runners, k.purge)
	}
	a.life.run(stageProjections, "projections", func(ctx context.Context) error { return workers.Run(ctx, runners...) })
	for _, k := range keepers {
		if err := a.await(ctx, k.caughtUp); err != nil {
			return err
		}
	}
	return nil
}

// keeper keeps one projection up to date.
type keeper struct {
	// caughtUp is closed when the end of the history was reached once.
	caughtUp <-chan struct{}
	// purge removes again and again what has served its time.
	purge workers.Runner
}

// keep lets the router keep a projection.
func keep[S any](a *assembly, router *workers.Router, p projections.Projection[S], c documents.Collection) keeper {
	logger := a.loggerFor("projections")
	runner := projections.NewRunner(p, c, logger)
	subscriber := a.services.log.BatchSubscriber(jetstream.BatchConfig{
		From: func(ctx context.Context) (uint64, error) {
			checkpoint, err := runner.Checkpoint(ctx)
			return checkpoint + 1, err
		},
	})
	caughtUp := make(chan struct{})
	reached := sync.OnceFunc(func() { close(caughtUp) })
	a.readiness.Require(p.Spec().Name, progress(runner, caughtUp))
	router.HandleBatches(p.Spec().Name, runner.Stream(), subscriber, func(ctx context.Context, batch jetstream.Batch) error {
		if _, err := runner.Apply(ctx, batch.Records); err != nil {
			return err
		}
		if batch.CaughtUp {
			reached()
		}
		return nil
	})
	purge := workers.Ticker{
		Name: "purge " + p.Spec().Name, Interval: purgeInterval, Logger: logger,
		Do: func(ctx context.Context) error {
			_, err := runner.Purge(ctx, time.Now())
			return err
		},
	}
	return keeper{caughtUp: caughtUp, purge: purge.Run}
}

// progress is the readiness check of a projection: once caught up, a lag is no
// reason to send traffic elsewhere, because readers fold the tail themselves.
func progress[S any](runner *projections.Runner[S], caughtUp <-chan struct{}) admin.Check {
	return func(ctx context.Context) error {
		select {
		case <-caughtUp:
			return nil
		default:
		}
		checkpoint, err := runner.Checkpoint(ctx)
		if err != nil {
			return err
		}
		return fmt.Errorf("catching up with the history, at event %d of %s", checkpoint, runner.Stream())
	}
}

// newRouter returns a router of a role, whose metrics carry the role's name.
func (a *assembly) newRouter(role string) (*workers.Router, error) {
	return workers.NewRouter(workers.Config{
		Log:          a.services.log,
		Registerer:   prometheus.WrapRegistererWith(prometheus.Labels{"role": role}, a.metrics),
		Logger:       a.loggerFor(role),
		CloseTimeout: stopWithin[stageWorkers],
	})
}

// await waits until each channel is closed.
func (a *assembly) await(ctx context.Context, done ...<-chan struct{}) error {
	for _, d := range done {
		select {
		case <-d:
		case <-a.life.failed:
			return a.life.failure
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
