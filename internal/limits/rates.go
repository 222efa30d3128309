package limits

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// clientsKnown is how many clients a table remembers. One that was forgotten
// begins anew with a full bucket, which is worth something only to somebody with
// more addresses than this.
const clientsKnown = 20_000

// Rate is how often something may be done: Events in each Per, and so many at
// once. Zero Events mean any number.
type Rate struct {
	Events int
	Per    time.Duration
}

func (r Rate) limiter() *rate.Limiter {
	if r.Events == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(r.Events)/r.Per.Seconds()), r.Events)
}

// Rates holds each client, and all of them together, to a rate.
type Rates struct {
	each Rate
	all  *rate.Limiter

	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element
	recent  list.List // of *bucket, the latest first
}

type bucket struct {
	network netip.Prefix
	limiter *rate.Limiter
}

// NewRates returns a table of clients that may do something at the rate each, and
// at the rate all together.
func NewRates(each, all Rate) *Rates {
	return &Rates{each: each, all: all.limiter(), clients: make(map[netip.Prefix]*list.Element)}
}

// Take notes that a client does it, unless it may not. An exempt client only counts
// together with all.
func (r *Rates) Take(client netip.Prefix, exempt bool, now time.Time) (own, all bool) {
	if !exempt && r.each.Events > 0 && !r.bucket(client).AllowN(now, 1) {
		return false, true
	}
	return true, r.all.AllowN(now, 1)
}

// TakeOwn notes that a client does it n times at once, unless it may not.
func (r *Rates) TakeOwn(client netip.Prefix, exempt bool, n int, now time.Time) bool {
	return exempt || r.each.Events == 0 || r.bucket(client).AllowN(now, n)
}

func (r *Rates) bucket(client netip.Prefix) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.clients[client]; known != nil {
		r.recent.MoveToFront(known)
		return known.Value.(*bucket).limiter
	}
	if len(r.clients) >= clientsKnown {
		oldest := r.recent.Remove(r.recent.Back()).(*bucket)
		delete(r.clients, oldest.network)
	}
	b := &bucket{network: client, limiter: r.each.limiter()}
	r.clients[client] = r.recent.PushFront(b)
	return b.limiter
}
