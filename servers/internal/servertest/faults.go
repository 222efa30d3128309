package servertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore"
)

// ErrInjected is what a part fails with by default.
var ErrInjected = errors.New("injected fault")

// Fault makes calls fail, as often as it was told to.
type Fault struct {
	mu    sync.Mutex
	skip  int
	left  int
	err   error
	after bool
}

// Before makes the next n calls fail without an effect.
func (f *Fault) Before(n int, err error) { f.set(n, err, false) }

// After makes the next n calls fail though they had their effect.
func (f *Fault) After(n int, err error) { f.set(n, err, true) }

// Later makes one call fail without an effect, after skip calls that go well.
func (f *Fault) Later(skip int, err error) {
	f.set(1, err, false)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skip = skip
}

func (f *Fault) set(n int, err error, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skip, f.left, f.err, f.after = 0, n, err, after
}

// next returns the error of this call, if it is to fail, and whether it has an
// effect.
func (f *Fault) next() (err error, effect bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return nil, true
	}
	if f.skip > 0 {
		f.skip--
		return nil, true
	}
	f.left--
	return f.err, f.after
}

// Log is the history.
type Log struct {
	*jetstream.Log
	Fault Fault
}

// Append records an event.
func (l *Log) Append(ctx context.Context, e events.Event) (events.Position, error) {
	err, effect := l.Fault.next()
	if !effect {
		return events.Position{}, err
	}
	position, appendErr := l.Log.Append(ctx, e)
	return position, errors.Join(err, appendErr)
}

// AppendAfter records an event on a condition.
func (l *Log) AppendAfter(ctx context.Context, e events.Event, last uint64) (events.Position, error) {
	err, effect := l.Fault.next()
	if !effect {
		return events.Position{}, err
	}
	position, appendErr := l.Log.AppendAfter(ctx, e, last)
	return position, errors.Join(err, appendErr)
}

// Blobs is the object store.
type Blobs struct {
	blobs.Store
	PutFault, GetFault Fault
	// Gate, if it is set, holds up every Get until it is closed. Waiting, if it is
	// set, is closed, and unset, by the first Get that comes to the gate.
	Gate, Waiting atomic.Pointer[chan struct{}]
}

// Put stores a blob.
func (b *Blobs) Put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	err, effect := b.PutFault.next()
	if !effect {
		return err
	}
	return errors.Join(err, b.Store.Put(ctx, key, body, m))
}

// Get returns a blob.
func (b *Blobs) Get(ctx context.Context, key string) ([]byte, blobs.Meta, error) {
	if gate := b.Gate.Load(); gate != nil {
		if waiting := b.Waiting.Swap(nil); waiting != nil {
			close(*waiting)
		}
		select {
		case <-*gate:
		case <-ctx.Done():
			return nil, blobs.Meta{}, ctx.Err()
		}
	}
	if err, _ := b.GetFault.next(); err != nil {
		return nil, blobs.Meta{}, err
	}
	return b.Store.Get(ctx, key)
}

// Clock is the gateway's clock: the real one, and an offset.
type Clock struct{ offset atomic.Int64 }

// Now is the time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// Secrets is the key store's storage.
type Secrets struct {
	keystore.Secrets
	Fault Fault
}

// Put stores a secret.
func (s *Secrets) Put(ctx context.Context, path string, r keystore.Record) error {
	err, effect := s.Fault.next()
	if !effect {
		return err
	}
	return errors.Join(err, s.Secrets.Put(ctx, path, r))
}
