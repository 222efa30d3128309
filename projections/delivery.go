package projections

import (
	"time"

	"awala.network/gateway/events"
)

// DeliveryState is where the delivery of an Internet-bound parcel stands.
type DeliveryState string

// The states of a delivery. The first three are open: no event has ended it yet.
const (
	DeliveryQueued    DeliveryState = "queued"   // not attempted yet
	DeliveryDeferred  DeliveryState = "deferred" // attempted, to be tried again
	DeliveryHeld      DeliveryState = "held"     // kept by an operator
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryRefused   DeliveryState = "refused"
	DeliveryExpired   DeliveryState = "expired"
	DeliveryDropped   DeliveryState = "dropped"
)

// Open tells whether a delivery in this state has not ended.
func (s DeliveryState) Open() bool {
	return s == DeliveryQueued || s == DeliveryDeferred || s == DeliveryHeld
}

// Delivery is what is known of an Internet-bound parcel.
type Delivery struct {
	// Ref names the parcel in outcomes.
	Ref events.InternetParcelRef `json:"ref"`
	// Sequence of INTERNET_PARCELS is where its InternetParcelAccepted stands,
	// which was recorded at AcceptedAt with that correlation id and trace.
	Sequence      uint64    `json:"sequence"`
	AcceptedAt    time.Time `json:"acceptedAt"`
	CorrelationID string    `json:"correlationId,omitempty"`
	TraceParent   string    `json:"traceParent,omitempty"`
	// Via is the binding by which it was handed in.
	Via events.Ingress `json:"via"`
	// Size is in octets.
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	ExpiresAt time.Time `json:"expiresAt"`

	State DeliveryState `json:"state"`
	// Attempts counts those that were made.
	Attempts int `json:"attempts"`
	// NextAttemptAt is when the next is due at the earliest: for a parcel that
	// was not attempted, when it was accepted.
	NextAttemptAt time.Time `json:"nextAttemptAt"`
	// ValidFrom is the date of a parcel that its sender dated ahead of our clock: no
	// attempt is made before. Zero is from the start.
	ValidFrom time.Time `json:"validFrom,omitzero"`
	// LastAttempt is nil if there was none.
	LastAttempt *events.DeliveryAttempt `json:"lastAttempt,omitempty"`
	// RetriesFrom is the instant from which the time for retries counts.
	RetriesFrom time.Time `json:"retriesFrom"`
	// EndedAt and Reason say when and why it ended otherwise than well.
	EndedAt time.Time `json:"endedAt,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	// HeldBy and HeldReason are the operator's, while held.
	HeldBy     string `json:"heldBy,omitempty"`
	HeldReason string `json:"heldReason,omitempty"`
}

// Cause is the parcel's InternetParcelAccepted as far as events that follow from
// it need it.
func (d *Delivery) Cause() events.Event {
	return events.Event{ID: d.Ref.AcceptedID, CorrelationID: d.CorrelationID, TraceParent: d.TraceParent}
}

func (d *Delivery) accept(r events.Record, data events.InternetParcelAccepted) bool {
	if d.Sequence != 0 {
		return false // accepted again: what became of it stands
	}
	*d = Delivery{
		Ref: events.InternetParcelRef{
			ParcelKey: data.ParcelKey, AcceptedID: r.ID, SourceGatewayID: data.SourceGatewayID,
			Destination: data.Destination, BlobKey: data.BlobKey,
		},
		Sequence: r.Sequence, AcceptedAt: r.Time, CorrelationID: r.CorrelationID, TraceParent: r.TraceParent,
		Via:  data.Via,
		Size: data.Size, SHA256: data.SHA256, ExpiresAt: data.ExpiresAt,
		State: DeliveryQueued, NextAttemptAt: r.Time, RetriesFrom: r.Time,
	}
	if data.CreatedAt.After(r.Time) {
		d.ValidFrom = data.CreatedAt
	}
	return true
}

// attempt notes one attempt.
func (d *Delivery) attempt(a events.DeliveryAttempt) {
	d.Attempts = max(d.Attempts, a.Number)
	d.LastAttempt = &a
}

func (d *Delivery) deferred(data events.InternetParcelDeferred) bool {
	d.attempt(data.Attempt)
	d.NextAttemptAt = data.NextAttemptAt
	if d.State == DeliveryQueued {
		d.State = DeliveryDeferred
	}
	return true
}

func (d *Delivery) end(state DeliveryState, at time.Time, reason string) bool {
	d.State, d.EndedAt, d.Reason = state, at, reason
	d.HeldBy, d.HeldReason = "", ""
	return true
}

func (d *Delivery) hold(by events.Operation) bool {
	if d.State == DeliveryHeld {
		return false
	}
	d.State, d.HeldBy, d.HeldReason = DeliveryHeld, by.By, by.Reason
	return true
}

func (d *Delivery) release(at time.Time) bool {
	if d.State != DeliveryHeld {
		return false
	}
	d.HeldBy, d.HeldReason = "", ""
	d.NextAttemptAt, d.RetriesFrom = at, at
	if d.State = DeliveryQueued; d.Attempts > 0 {
		d.State = DeliveryDeferred
	}
	return true
}

func (d *Delivery) hasten(at time.Time) bool {
	if !at.Before(d.NextAttemptAt) {
		return false
	}
	d.NextAttemptAt = at
	return true
}
