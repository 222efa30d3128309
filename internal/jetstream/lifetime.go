package jetstream

import (
	"context"
	"errors"
	"sync"
	"time"
)

// lifetime owns the goroutines of a subscriber.
type lifetime struct {
	mu      sync.Mutex
	closed  bool
	closing chan struct{} // made by the first start
	wg      sync.WaitGroup
}

// ErrClosed says that a subscriber or publisher was used after Close.
var ErrClosed = errors.New("jetstream: closed")

// start runs a goroutine whose context ends with ctx or at close.
func (l *lifetime) start(ctx context.Context, run func(context.Context)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if l.closing == nil {
		l.closing = make(chan struct{})
	}
	ctx, cancel := context.WithCancel(ctx)
	l.wg.Go(func() {
		defer cancel()
		run(ctx)
	})
	l.wg.Go(func() {
		defer cancel()
		select {
		case <-l.closing:
		case <-ctx.Done():
		}
	})
	return nil
}

// close ends every goroutine and waits for them.
func (l *lifetime) close() {
	l.mu.Lock()
	if !l.closed && l.closing != nil {
		close(l.closing)
	}
	l.closed = true
	l.mu.Unlock()
	l.wg.Wait()
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
