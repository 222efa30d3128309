package jetstream

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// leaseRetry is how long a process waits between two tries to get a lease.
const leaseRetry = 500 * time.Millisecond

// Lease is the right to be the one process that does something all the time, such as
// writing the projections. Any number of processes run for it; one has it. When that
// gives it back another has it within a second, and when it dies, after the life of
// its claim.
//
// A process that stands still, and wakes up after its lease went to another, may finish
// what it had begun. What is done under a lease must stand that, as it stands claims.
type Lease struct {
	claims *Claims
	key    string

	mu   sync.Mutex
	term context.Context // done unless the lease is ours
	// changed is closed and replaced when term is.
	changed chan struct{}
	// elsewhere is closed once another process was seen to have the lease.
	elsewhere chan struct{}
	seen      sync.Once
}

// Lease returns this process's run for a lease, which begins with [Lease.Run].
func (c *Claims) Lease(key string) *Lease {
	never, end := context.WithCancel(context.Background())
	end()
	return &Lease{claims: c, key: key, term: never, changed: make(chan struct{}), elsewhere: make(chan struct{})}
}

// Run takes the lease whenever it is to be had, and keeps it, until ctx ends. Then it
// gives it back: what is done under it must have ended.
func (l *Lease) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		held, ok, err := l.claims.take(ctx, l.key)
		switch {
		case err != nil && ctx.Err() == nil:
			l.claims.logger.LogAttrs(ctx, slog.LevelWarn, "lease not to be had for the moment", slog.String("lease", l.key), slog.Any("error", err))
		case err == nil && !ok:
			l.seen.Do(func() { close(l.elsewhere) })
		case err == nil:
			l.have(ctx, held)
		}
		sleep(ctx, leaseRetry)
	}
	return nil
}

// have serves a term: until the claim is lost or ctx ends.
func (l *Lease) have(ctx context.Context, held *claim) {
	defer held.release()
	term, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	l.claims.logger.LogAttrs(ctx, slog.LevelInfo, "lease taken", slog.String("lease", l.key))
	l.set(term)
	select {
	case <-held.lost:
		l.claims.logger.LogAttrs(ctx, slog.LevelWarn, "lease lost", slog.String("lease", l.key))
	case <-ctx.Done():
	}
}

func (l *Lease) set(term context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term = term
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Lease) now() (term context.Context, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.changed
}

// Held tells whether the lease is ours.
func (l *Lease) Held() bool {
	term, _ := l.now()
	return term.Err() == nil
}

// Elsewhere is closed once another process was seen to have the lease.
func (l *Lease) Elsewhere() <-chan struct{} { return l.elsewhere }

// Await waits until the lease is ours. What it returns is ctx that ends also when the
// lease is lost, and must be cancelled in the end. The error is that of ctx.
func (l *Lease) Await(ctx context.Context) (context.Context, context.CancelFunc, error) {
	for {
		term, changed := l.now()
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if term.Err() == nil {
			leading, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(term, cancel)
			return leading, func() { stop(); cancel() }, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}
