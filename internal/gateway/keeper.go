package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
	"awala.network/gateway/projections/onjetstream"
	"awala.network/gateway/workers"
)

// keeper keeps one projection up to date.
type keeper struct {
	// caughtUp is closed when the end of the history was reached once, here or, so far
	// as that is known, by another process. reached closes it.
	caughtUp <-chan struct{}
	reached  func()
	// tidy removes again and again what has served its time.
	tidy []workers.Runner
	// maintained is what operators can do to it.
	maintained projections.Maintained
}

// keepProjections lets the router keep every projection, and the admin server
// show them, while this process has the lease. Without one it always does.
func (a *assembly) keepProjections(ctx context.Context, router *workers.Router, lease *jetstream.Lease) (*upkeep.Projections, []keeper, error) {
	k := &keeping{ctx: ctx, assembly: a, router: router, lease: lease, told: newTold(a.metrics)}
	keep(k, projections.Mailbox{})
	keep(k, projections.Peers{})
	keep(k, projections.Deliveries{})
	keep(k, projections.Destinations{})
	keep(k, projections.ParkedMessages{})
	served := &upkeep.Projections{Scratch: a.scratch}
	var totals []documents.Collection
	for _, s := range events.Streams() {
		totals = append(totals, keep(k, projections.Totals{Stream: s.Name}))
	}
	for _, each := range k.keepers {
		served.Maintained = append(served.Maintained, each.maintained)
	}
	served.Totals = projections.NewTotalsReader(totals...)
	a.upkeep.projections.Fill(served.Handler())
	a.openForgetting(served)
	return served, k.keepers, k.err
}

// keeping is what all keepers have in common.
type keeping struct {
	ctx      context.Context // of the start
	assembly *assembly
	router   *workers.Router
	lease    *jetstream.Lease // nil if nobody else can write
	told     told
	keepers  []keeper
	err      error // the first
}

// told are the metrics of what projections had to pass by.
type told struct {
	gaps   *prometheus.CounterVec
	passed *prometheus.GaugeVec
}

func newTold(registerer prometheus.Registerer) told {
	t := told{
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_projection_gaps_total", Help: "Runs of events that the history lacks, met by a projection.",
		}, []string{"projection"}),
		passed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "awala_projection_passed_by", Help: "Events that a projection does without because they could not be read.",
		}, []string{"projection"}),
	}
	registerer.MustRegister(t.gaps, t.passed)
	return t
}

// keep lets the router keep a projection, and returns its live version.
func keep[S any](k *keeping, p projections.Projection[S]) documents.Collection {
	a, name, logger := k.assembly, p.Spec().Name, k.assembly.loggerFor("projections")
	live, err := projections.Open(k.ctx, a.services.documents, p)
	if err != nil {
		if k.err == nil {
			k.err = err
		}
		return nil
	}
	runner := projections.NewRunner(p, live, logger)
	maintained := projections.NewMaintenance(p, a.services.documents, onjetstream.Log{Log: a.services.log}, logger)
	caughtUp := make(chan struct{})
	reached := sync.OnceFunc(func() { close(caughtUp) })
	gaps := k.told.gaps.WithLabelValues(maintained.Name())
	a.readiness.Require(name, progress(runner, caughtUp))
	subscriber := a.services.log.BatchSubscriber(jetstream.BatchConfig{From: runner.From, Rewind: true, Lease: k.lease})
	k.router.HandleBatches(name, runner.Stream(), subscriber, func(ctx context.Context, batch jetstream.Batch) error {
		report, err := runner.Apply(ctx, batch.Records)
		if err != nil {
			return err
		}
		gaps.Add(float64(len(report.Gaps)))
		if batch.CaughtUp {
			reached()
		}
		return nil
	})
	k.keepers = append(k.keepers, keeper{
		caughtUp: caughtUp, reached: reached, maintained: maintained,
		tidy: k.tidy(name, logger, map[time.Duration]func(context.Context) error{
			purgeInterval: func(ctx context.Context) error {
				_, err := runner.Purge(ctx, time.Now())
				return err
			},
			dropInterval: func(ctx context.Context) error {
				_, err := maintained.Sweep(ctx, dropGrace)
				return err
			},
			mendInterval: func(ctx context.Context) error { return k.told.mend(ctx, maintained) },
		}),
	})
	return live
}

// tidy does each task at its interval, if it is this process that writes.
func (k *keeping) tidy(name string, logger *slog.Logger, tasks map[time.Duration]func(context.Context) error) []workers.Runner {
	var tickers []workers.Runner
	for interval, do := range tasks {
		tickers = append(tickers, workers.Ticker{
			Name: "upkeep of " + name, Interval: interval, Logger: logger,
			Do: func(ctx context.Context) error {
				if k.lease != nil && !k.lease.Held() {
					return nil
				}
				return do(ctx)
			},
		}.Run)
	}
	return tickers
}

// mend rebuilds a projection that passed by events which can be read now, and tells
// how many it still does without. That another process is rebuilding it is no error.
func (t told) mend(ctx context.Context, p projections.Maintained) error {
	if _, err := p.Mend(ctx); err != nil && !errors.Is(err, projections.ErrBusy) {
		return err
	}
	passed, err := p.Passed(ctx)
	if err != nil {
		return err
	}
	count := uint64(0)
	for _, o := range passed {
		if !o.Missing {
			count += o.Count
		}
	}
	t.passed.WithLabelValues(p.Name()).Set(float64(count))
	return nil
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
