package poweb

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of reconnection. A client that connects now and then never notices
// them; one that spins gets its parcels a little later.
const (
	reconnectEvery = time.Second
	reconnectBurst = 5
	maxDamping     = 3 * time.Second
	// damperSize is how many gateways are remembered before those are forgotten
	// that have been quiet for a while.
	damperSize = 10_000
)

// damper slows down private gateways that open one collection after another.
type damper struct {
	longest  time.Duration
	mu       sync.Mutex
	limiters map[string]*rate.Limiter
}

func newDamper() *damper {
	return &damper{longest: maxDamping, limiters: make(map[string]*rate.Limiter)}
}

// delay notes a new collection of the gateways and returns how long it should
// wait.
func (d *damper) delay(gateways []string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	var longest time.Duration
	for _, id := range gateways {
		turn := d.limiter(id, now).ReserveN(now, 1)
		wait := turn.DelayFrom(now)
		if wait > d.longest {
			turn.CancelAt(now) // or the debt would grow without end
			wait = d.longest
		}
		longest = max(longest, wait)
	}
	return longest
}

// limiter returns the limiter of one gateway. d.mu is held.
func (d *damper) limiter(id string, now time.Time) *rate.Limiter {
	if l := d.limiters[id]; l != nil {
		return l
	}
	if len(d.limiters) >= damperSize {
		d.forget(now)
	}
	l := rate.NewLimiter(rate.Every(reconnectEvery), reconnectBurst)
	d.limiters[id] = l
	return l
}

// forget drops the limiters that would not delay anyone, or all if none is to
// spare.
func (d *damper) forget(now time.Time) {
	for id, l := range d.limiters {
		if l.TokensAt(now) >= reconnectBurst {
			delete(d.limiters, id)
		}
	}
	if len(d.limiters) >= damperSize {
		clear(d.limiters)
	}
}
