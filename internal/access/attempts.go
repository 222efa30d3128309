package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What is allowed of wrong tokens: so many at once for each address, and one more
// in each interval. A right one in between does not count.
const (
	attemptBurst    = 10
	attemptInterval = 6 * time.Second
)

// maxAddresses bounds the addresses that are remembered. When there are more, all
// are forgotten: a token is far too long to be guessed by so many.
const maxAddresses = 10_000

// attempts counts wrong tokens by address.
type attempts struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newAttempts() *attempts { return &attempts{of: make(map[string]*rate.Limiter)} }

// allowed tells whether a token from the address is looked at.
func (a *attempts) allowed(from string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.of[from]
	return l == nil || l.TokensAt(now) >= 1
}

// failed counts a wrong token.
func (a *attempts) failed(from string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.of) >= maxAddresses {
		clear(a.of)
	}
	l := a.of[from]
	if l == nil {
		l = rate.NewLimiter(rate.Every(attemptInterval), attemptBurst)
		a.of[from] = l
	}
	l.AllowN(now, 1)
}
