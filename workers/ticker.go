package workers

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"awala.network/gateway/internal/fault"
)

// Ticker does something again and again. Its Run is a [Runner].
type Ticker struct {
	// Name is for the log.
	Name string
	// Interval is the time from one start to the next; a start that falls into
	// the time of the one before is left out.
	Interval time.Duration
	// Do does it. A fatal error ends the ticker, others and panics are logged.
	Do func(ctx context.Context) error
	// Logger is told of failures; nil discards.
	Logger *slog.Logger
}

// Run does it at once and at each interval, until ctx ends.
func (t Ticker) Run(ctx context.Context) error {
	if t.Logger == nil {
		t.Logger = slog.New(slog.DiscardHandler)
	}
	ticker := time.NewTicker(t.Interval)
	defer ticker.Stop()
	for {
		if err := t.once(ctx); fault.IsFatal(err) {
			return err
		} else if err != nil && ctx.Err() == nil {
			t.Logger.LogAttrs(ctx, slog.LevelError, "task failed", slog.String("task", t.Name), slog.Any("error", err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t Ticker) once(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return t.Do(ctx)
}
