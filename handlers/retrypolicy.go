package handlers

import (
	"time"

	"awala.network/gateway/projections"
)

// RetryPolicy says when a parcel is tried again and when it is given up.
type RetryPolicy struct {
	// Initial is the pause after the first failed attempt. It doubles with each
	// attempt up to Max.
	Initial, Max time.Duration
	// Horizon is how long a parcel is tried: from its acceptance, or from when
	// an operator last released it.
	Horizon time.Duration
	// Random returns numbers from 0 up to 1; it spreads retries.
	Random func() float64
}

// jitter is by how much a pause is longer or shorter, at most.
const jitter = 0.2

// Deadline is the instant by which a delivery ends. While it is held only its
// expiry counts.
func (p RetryPolicy) Deadline(d *projections.Delivery, to *projections.Destination) time.Time {
	if d.State == projections.DeliveryHeld || to.Held {
		return d.ExpiresAt
	}
	from := d.RetriesFrom
	if to.ReleasedAt.After(from) {
		from = to.ReleasedAt
	}
	if deadline := from.Add(p.Horizon); deadline.Before(d.ExpiresAt) {
		return deadline
	}
	return d.ExpiresAt
}

// Pause returns how long to wait after failed attempts or probes: at least
// atLeast, which a server asked for.
func (p RetryPolicy) Pause(failures int, atLeast time.Duration) time.Duration {
	pause := p.Max
	if shift := max(failures, 1) - 1; shift < 32 && p.Initial<<shift < p.Max {
		pause = p.Initial << shift
	}
	pause += time.Duration(float64(pause) * jitter * (2*p.Random() - 1))
	return max(pause, atLeast)
}

// lastCall is how long before its deadline a parcel is tried for the last time.
const lastCall = time.Minute

// next returns when to try again after so many attempts. The last attempt is
// shortly before the deadline; ok is false after it.
func (p RetryPolicy) next(attempts int, atLeast time.Duration, now, deadline time.Time) (at time.Time, ok bool) {
	final := deadline.Add(-min(lastCall, p.Horizon/10))
	if !now.Before(final.Add(-p.Initial / 2)) {
		return time.Time{}, false
	}
	if at = now.Add(p.Pause(attempts, atLeast)); at.After(final) {
		at = final
	}
	return at, true
}
