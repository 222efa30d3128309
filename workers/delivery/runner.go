package delivery

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/handlers"
	"awala.network/gateway/workers"
)

// Handler makes attempts and records what became of them (see
// [handlers.DeliverParcel]).
type Handler interface {
	// Handle makes an attempt. After an error it was not made, or what came of it may not be
	// recorded: it is made again.
	Handle(ctx context.Context, a handlers.Assignment) (handlers.Outcome, error)
	// Expire records the end of a delivery whose time is up.
	Expire(ctx context.Context, a handlers.Assignment) (handlers.Outcome, error)
}

// Runner does the jobs of a queue.
type Runner struct {
	Queue   *Queue
	Handler Handler
	// Drain is how long attempts may go on after Run's context ended.
	Drain   time.Duration
	Metrics *Metrics
	// Tracer makes a span for each attempt, in the parcel's trace; nil makes none.
	Tracer trace.Tracer
	Logger *slog.Logger
	Now    func() time.Time
}

// Run does jobs, each in a goroutine of its own, until ctx ends, and then waits
// for them no longer than Drain. It is a workers.Runner.
func (r *Runner) Run(ctx context.Context) error {
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	var jobs sync.WaitGroup
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		job, wait := r.Queue.Next(r.Now())
		if job != nil {
			jobs.Go(func() { r.do(working, job) })
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-r.Queue.Changed():
		case <-ctx.Done():
		}
	}
	late := time.AfterFunc(r.Drain, abandon)
	defer late.Stop()
	jobs.Wait()
	return nil
}

// do does one job.
func (r *Runner) do(ctx context.Context, job *Job) {
	start := r.Now()
	ctx, span := r.begin(ctx, job)
	out, err := r.handle(ctx, job)
	finish(span, out, err)
	if err != nil && ctx.Err() == nil {
		r.Logger.LogAttrs(ctx, slog.LevelError, "delivery could not be attempted",
			slog.String("parcel_id", job.Ref.ParcelID), slog.String("event_id", job.Ref.AcceptedID),
			slog.String("destination", job.Ref.Destination), slog.Any("error", err))
	}
	now := r.Now()
	r.Metrics.attempted(ctx, job, out, err, now.Sub(start))
	r.Queue.Done(job, out, err, now)
}

// handle turns a panic into an error: one parcel must not stop the others.
func (r *Runner) handle(ctx context.Context, job *Job) (out handlers.Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &workers.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if job.Expire {
		return r.Handler.Expire(ctx, job.Assignment)
	}
	return r.Handler.Handle(ctx, job.Assignment)
}
