package console

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"awala.network/gateway/internal/overview"
)

const (
	// sampleInterval is how often channels are counted, and samples how many rates are
	// kept: those of a quarter of an hour.
	sampleInterval = 10 * time.Second
	samples        = 90
	// freshFor is how long an overview is shown without making another, which takes
	// as long as processes are given to answer.
	freshFor = 4 * time.Second
	// lookTimeout bounds the making of an overview.
	lookTimeout = 10 * time.Second
	// patience is how long a page waits for one while there is an older one to show.
	patience = 50 * time.Millisecond
)

// watch measures the rates of each channel, and keeps the newest overview.
type watch struct {
	source Overview
	now    func() time.Time

	mu      sync.Mutex
	counts  map[string]overview.Count
	counted time.Time
	rates   map[string]rates
	last    overview.Overview
	err     error
	looking chan struct{} // closed when the look that is under way is over; nil if there is none

	life context.Context // of looks, until end is called
	end  context.CancelFunc
}

// rates are the last rates of a channel by the second, the newest last.
type rates struct{ In, Out []float64 }

func newWatch(source Overview, now func() time.Time) *watch {
	w := &watch{source: source, now: now, rates: make(map[string]rates)}
	w.life, w.end = context.WithCancel(context.Background())
	return w
}

func (w *watch) run(ctx context.Context, logger *slog.Logger) error {
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		if err := w.sample(ctx); err != nil && ctx.Err() == nil {
			logger.LogAttrs(ctx, slog.LevelDebug, "channels not counted", slog.Any("error", err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.stop()
			return ctx.Err()
		}
	}
}

// stop ends looks, and waits for the last one.
func (w *watch) stop() {
	w.end()
	w.mu.Lock()
	looking := w.looking
	w.mu.Unlock()
	if looking != nil {
		<-looking
	}
}

// sample counts the channels and notes the rates since the last count.
func (w *watch) sample(ctx context.Context) error {
	counts, err := w.source.Counts(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now, before := w.now(), w.counts
	took := now.Sub(w.counted).Seconds()
	w.counts, w.counted = make(map[string]overview.Count, len(counts)), now
	for _, c := range counts {
		w.counts[c.Channel] = c
		b, known := before[c.Channel]
		if !known || took <= 0 || c.In < b.In || c.Out < b.Out { // a day of the counts is over
			continue
		}
		r := w.rates[c.Channel]
		w.rates[c.Channel] = rates{
			In: push(r.In, float64(c.In-b.In)/took), Out: push(r.Out, float64(c.Out-b.Out)/took),
		}
	}
	return nil
}

// push appends a value to a new list, and keeps the last ones.
func push(list []float64, value float64) []float64 {
	list = append(append(make([]float64, 0, samples+1), list...), value)
	return list[max(0, len(list)-samples):]
}

func (w *watch) ratesOf(channel string) rates {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rates[channel]
}

// look returns an overview that is at most a few seconds old, or the last one if a new
// one takes long.
func (w *watch) look(ctx context.Context) (overview.Overview, error) {
	w.mu.Lock()
	last, err, looking := w.last, w.err, w.looking
	fresh := !last.At.IsZero() && w.now().Sub(last.At) < freshFor
	if !fresh && looking == nil {
		if w.life.Err() != nil {
			w.mu.Unlock()
			return last, errStopping
		}
		looking = w.refresh()
	}
	w.mu.Unlock()
	if fresh && err == nil {
		return last, nil
	}
	wait := lookTimeout
	if !last.At.IsZero() {
		wait = patience
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-looking:
	case <-timer.C:
	case <-ctx.Done():
		return last, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last.At.IsZero() && w.err == nil {
		return w.last, context.DeadlineExceeded
	}
	return w.last, w.err
}

// refresh begins a look, which ends by itself. The caller holds mu.
func (w *watch) refresh() chan struct{} {
	done := make(chan struct{})
	w.looking = done
	go func() {
		ctx, cancel := context.WithTimeout(w.life, lookTimeout)
		defer cancel()
		o, err := w.source.Look(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.err = err; err == nil {
			w.last = o
		}
		w.looking = nil
		close(done)
	}()
	return done
}
