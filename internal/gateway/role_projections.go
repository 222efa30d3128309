package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/workers"
)

// projectionsRole keeps the read models up to date. Its start ends when they
// have caught up with the history, so that what starts after it need not fold a
// long tail at each request.
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
	upkeep, keepers, err := a.keepProjections(ctx, router)
	if err != nil {
		return err
	}
	runners := []workers.Runner{router.Run, upkeep.Run, a.countParked()}
	a.observe("channels", channelsInterval, a.overview.gauges.Channels)
	for _, k := range keepers {
		runners = append(runners, k.tidy...)
	}
	a.life.run(stageProjections, "projections", func(ctx context.Context) error { return workers.Run(ctx, runners...) })
	for _, k := range keepers {
		if err := a.await(ctx, k.caughtUp); err != nil {
			return err
		}
	}
	return nil
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
