package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// stage is a phase of starting. Stages start in this order and stop in the
// reverse one; the parts of one stage stop together.
type stage int

const (
	stageAdmin stage = iota
	stageServices
	stageProjections
	stageWorkers
	stageServers
)

// stopWithin bounds the stop of each stage. The sum is below [StopTimeout].
var stopWithin = map[stage]time.Duration{
	stageServers:     3500 * time.Millisecond,
	stageWorkers:     2500 * time.Millisecond,
	stageProjections: 3 * time.Second, // the lease is given back
	stageServices:    2 * time.Second,
	stageAdmin:       500 * time.Millisecond,
}

// part is one thing that was started.
type part struct {
	stage stage
	name  string
	// stop ends the part and waits for it, no longer than its context lasts. It
	// is called once.
	stop func(context.Context) error
}

// lifecycle keeps what was started, so that it can be stopped in order, and
// hears of parts that end by themselves.
type lifecycle struct {
	logger *slog.Logger

	mu    sync.Mutex // guards parts
	parts []part

	failed  chan struct{} // closed when the first part fails
	failure error         // set before failed is closed
	once    sync.Once
}

func newLifecycle(logger *slog.Logger) *lifecycle {
	return &lifecycle{logger: logger, failed: make(chan struct{})}
}

// started notes a part that must be stopped later.
func (l *lifecycle) started(s stage, name string, stop func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = append(l.parts, part{stage: s, name: name, stop: stop})
}

// run starts a part that is a function which runs until its context ends. That
// it returns earlier, with an error or without, is a failure of the process.
func (l *lifecycle) run(s stage, name string, body func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := body(ctx)
		if ctx.Err() == nil {
			l.fail(name, err)
		}
		done <- err
	}()
	l.started(s, name, func(stopping context.Context) error {
		cancel()
		select {
		case err := <-done:
			return ignoreCancelled(err)
		case <-stopping.Done():
			return stopping.Err()
		}
	})
}

func ignoreCancelled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// fail says that the part ended by itself. Only the first failure is kept.
func (l *lifecycle) fail(name string, err error) {
	if err == nil {
		err = errors.New("ended by itself")
	}
	l.once.Do(func() {
		l.failure = fmt.Errorf("%s: %w", name, err)
		close(l.failed)
	})
}

// stop stops every part, stage by stage, and returns what went wrong. A part
// that does not stop in time is left behind: the process is about to end.
func (l *lifecycle) stop(ctx context.Context) error {
	l.mu.Lock()
	parts := l.parts
	l.parts = nil
	l.mu.Unlock()
	var errs []error
	for s := stageServers; s >= stageAdmin; s-- {
		of := slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return p.stage != s })
		errs = append(errs, l.stopStage(ctx, s, of))
	}
	return errors.Join(errs...)
}

func (l *lifecycle) stopStage(ctx context.Context, s stage, parts []part) error {
	ctx, cancel := context.WithTimeout(ctx, stopWithin[s])
	defer cancel()
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { errs[i] = l.stopPart(ctx, p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (l *lifecycle) stopPart(ctx context.Context, p part) error {
	began := time.Now()
	err := p.stop(ctx)
	l.logger.LogAttrs(ctx, slog.LevelDebug, "stopped",
		slog.String("part", p.name), durationAttr(began))
	if err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	return nil
}

// durationAttr is the time since began, under the key that all logs use.
func durationAttr(began time.Time) slog.Attr {
	return slog.Float64("duration_ms", float64(time.Since(began).Microseconds())/1000)
}
