// Package claims lets one process see to it that something is done by one of its
// goroutines at a time. Where several processes share the work, use the claims of
// internal/jetstream, which have the same method.
package claims

import (
	"context"
	"sync"
)

// Local is a set of claims within this process. The zero value is empty.
type Local struct {
	mu    sync.Mutex
	taken map[string]struct{}
}

// Claim takes key, unless somebody has it: then ok is false. release gives it
// back; it may be called more than once.
func (l *Local) Claim(_ context.Context, key string) (release func(), ok bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.taken[key]; taken {
		return nil, false, nil
	}
	if l.taken == nil {
		l.taken = map[string]struct{}{}
	}
	l.taken[key] = struct{}{}
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.taken, key)
	}), true, nil
}
