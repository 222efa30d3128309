package resolver

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Bounds on what is believed for how long, whatever a zone says.
const (
	maxTTL         = 24 * time.Hour
	maxNegativeTTL = time.Hour
	minNegativeTTL = 5 * time.Second
)

// lookupTimeout bounds one lookup, which may be shared by several callers.
const lookupTimeout = 15 * time.Second

// DefaultCacheSize is how many names a [Cache] keeps by default.
const DefaultCacheSize = 10_000

// Cache keeps the answers of a resolver, also that there is none. Callers that
// ask for one name at the same moment share one lookup. It is safe for
// concurrent use.
type Cache struct {
	resolver *Resolver
	size     int
	now      func() time.Time
	flights  singleflight.Group

	mu      sync.Mutex
	entries map[string]cached
}

type cached struct {
	targets []Target // none: there is no such name
	until   time.Time
}

// NewCache returns an empty cache of at most size names, DefaultCacheSize if 0.
// now is time.Now if nil.
func NewCache(r *Resolver, size int, now func() time.Time) *Cache {
	if size == 0 {
		size = DefaultCacheSize
	}
	if now == nil {
		now = time.Now
	}
	return &Cache{resolver: r, size: size, now: now, entries: make(map[string]cached)}
}

// LookupSRV returns the targets of name, or ErrNotFound.
func (c *Cache) LookupSRV(ctx context.Context, name string) ([]Target, error) {
	if e, ok := c.get(name); ok {
		return e.result()
	}
	flight := c.flights.DoChan(name, func() (any, error) {
		// Who asked first may go away; the others still want to know.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		return c.lookUp(ctx, name)
	})
	select {
	case r := <-flight:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(cached).result()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e cached) result() ([]Target, error) {
	if len(e.targets) == 0 {
		return nil, ErrNotFound
	}
	return e.targets, nil
}

func (c *Cache) lookUp(ctx context.Context, name string) (cached, error) {
	answer, err := c.resolver.LookupSRV(ctx, name)
	ttl := answer.TTL
	if errors.Is(err, ErrNotFound) {
		ttl = min(max(ttl, minNegativeTTL), maxNegativeTTL)
	} else if err != nil {
		return cached{}, err
	}
	e := cached{targets: answer.Targets, until: c.now().Add(ttl)}
	c.put(name, e)
	return e, nil
}

func (c *Cache) get(name string) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[name]
	return e, ok && c.now().Before(e.until)
}

// put keeps an entry. If there is no room, what is out of date goes, and then
// what comes first.
func (c *Cache) put(name string, e cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); len(c.entries) >= c.size {
		for old, entry := range c.entries {
			if !now.Before(entry.until) {
				delete(c.entries, old)
			}
		}
	}
	for old := range c.entries {
		if len(c.entries) < c.size {
			break
		}
		delete(c.entries, old)
	}
	c.entries[name] = e
}
