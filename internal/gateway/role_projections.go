package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/workers"
)

// projectionsRole keeps the read models up to date. Its start ends when they
// have caught up with the history, so that what starts after it need not fold a
// long tail at each request. Of several processes one writes, and the others stand by:
// see docs/adr/0019-one-worker-folds.md.
func projectionsRole() role {
	return role{name: "projections", start: startProjections}
}

// How often documents are removed that have served their time, and versions of
// projections that nobody reads any more, for which readers have the grace; and how
// often it is looked whether events that were passed by can be read by now.
const (
	purgeInterval = 6 * time.Hour
	dropInterval  = 15 * time.Second
	mendInterval  = time.Minute
	dropGrace     = time.Minute
)

func startProjections(ctx context.Context, a *assembly) error {
	router, err := a.newRouter("projections")
	if err != nil {
		return err
	}
	var lease *jetstream.Lease
	if a.services.leases != nil {
		lease = a.services.leases.Lease("projections")
	}
	upkeep, keepers, err := a.keepProjections(ctx, router, lease)
	if err != nil {
		return err
	}
	runners := []workers.Runner{router.Run, upkeep.Run, a.countParked()}
	a.observe("channels", channelsInterval, a.overview.gauges.Channels)
	for _, k := range keepers {
		runners = append(runners, k.tidy...)
	}
	if lease != nil {
		runners = append(runners, standBy(lease, keepers))
	}
	a.life.run(stageProjections, "projections", func(ctx context.Context) error { return runUnder(ctx, lease, runners...) })
	for _, k := range keepers {
		if err := a.await(ctx, k.caughtUp); err != nil {
			return err
		}
	}
	return nil
}

// runUnder runs the runners and the run for a lease, which outlasts them: what they
// write under the lease is written when somebody else gets it.
func runUnder(ctx context.Context, lease *jetstream.Lease, runners ...workers.Runner) error {
	if lease == nil {
		return workers.Run(ctx, runners...)
	}
	leading, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	return workers.Run(leading, lease.Run, func(leading context.Context) error {
		defer end()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(leading, cancel)()
		return workers.Run(ctx, runners...)
	})
}

// standBy takes the projections for caught up once another process keeps them.
func standBy(lease *jetstream.Lease, keepers []keeper) workers.Runner {
	return func(ctx context.Context) error {
		select {
		case <-lease.Elsewhere():
			for _, k := range keepers {
				k.reached()
			}
			<-ctx.Done()
		case <-ctx.Done():
		}
		return nil
	}
}

// newRouter returns a router of a role, whose metrics carry the role's name.
func (a *assembly) newRouter(role string) (*workers.Router, error) {
	return workers.NewRouter(workers.Config{
		Log:          a.services.log,
		Registerer:   prometheus.WrapRegistererWith(prometheus.Labels{"role": role}, a.metrics),
		Tracer:       a.tracer(),
		Logger:       a.loggerFor(role),
		Replays:      a.upkeep.replays,
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
