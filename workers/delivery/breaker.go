package delivery

import "time"

const (
	// tripAfter is how many failures in a row open the breaker.
	tripAfter = 3
	// firstWindow is how many attempts may be in flight at a destination of
	// which nothing is known.
	firstWindow = 2
)

// breaker is what is known of a destination's health, and how many attempts that
// allows at once.
type breaker struct {
	window   int
	failures int // in a row
	proven   bool
	slow     bool // an attempt is taking long
	// openUntil is when the next probe is allowed, once failures reached
	// tripAfter.
	openUntil   time.Time
	lastFailure time.Time
	lastCause   string
}

func newBreaker() breaker { return breaker{window: firstWindow} }

// BreakerState names the state for operators.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // attempts are made
	BreakerOpen     BreakerState = "open"      // none is, for now
	BreakerHalfOpen BreakerState = "half-open" // one is, to see
)

func (b *breaker) state(now time.Time) BreakerState {
	switch {
	case b.failures < tripAfter:
		return BreakerClosed
	case now.Before(b.openUntil):
		return BreakerOpen
	default:
		return BreakerHalfOpen
	}
}

// allows tells whether one more attempt may start.
func (b *breaker) allows(inFlight int, now time.Time) bool {
	switch b.state(now) {
	case BreakerClosed:
		return inFlight < b.window
	case BreakerHalfOpen:
		return inFlight == 0
	default:
		return false
	}
}

// succeeded notes that the destination answered as one does that works, and
// widens the window: twofold for each round of answers.
func (b *breaker) succeeded(limit int) {
	b.failures, b.proven, b.slow = 0, true, false
	b.openUntil = time.Time{}
	b.window = min(b.window+1, limit)
}

// failed notes a failure of an attempt that started at an instant. pause returns
// how long to wait after so many probes. If the destination itself asks to be
// left alone, it is.
func (b *breaker) failed(started, now time.Time, cause string, leaveAlone time.Duration, pause func(probes int) time.Duration) {
	b.lastCause = cause
	b.window, b.proven = 1, false
	if leaveAlone > 0 {
		b.failures, b.lastFailure = max(b.failures, tripAfter), now
		b.openUntil = later(b.openUntil, now.Add(leaveAlone))
		return
	}
	if b.failures > 0 && started.Before(b.lastFailure) {
		return // it was under way when the last one failed: it says nothing new
	}
	b.failures++
	b.lastFailure = now
	if b.failures >= tripAfter {
		b.openUntil = later(b.openUntil, now.Add(pause(b.failures-tripAfter+1)))
	}
}

// reset forgets the failures but the last cause.
func (b *breaker) reset() {
	*b = breaker{window: 1, lastCause: b.lastCause, lastFailure: b.lastFailure}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
