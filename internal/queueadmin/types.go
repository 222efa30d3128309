package queueadmin

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"awala.network/gateway/projections"
	"awala.network/gateway/workers/delivery"
)

// Parcel is a delivery as operators see it.
type Parcel struct {
	// ID is the id of its InternetParcelAccepted, ParcelID the sender's.
	ID             string                    `json:"id"`
	ParcelID       string                    `json:"parcelId"`
	State          projections.DeliveryState `json:"state"`
	InFlight       bool                      `json:"inFlight,omitempty"`
	Destination    string                    `json:"destination"`
	PrivateGateway string                    `json:"privateGateway"`
	Sender         string                    `json:"sender"`
	Recipient      string                    `json:"recipient"`
	Size           int64                     `json:"size"`
	AcceptedAt     time.Time                 `json:"acceptedAt"`
	Via            string                    `json:"via"`
	ExpiresAt      time.Time                 `json:"expiresAt"`
	// Deadline is when it is given up; NextAttemptAt is zero if it has ended.
	Deadline      time.Time `json:"deadline,omitzero"`
	Attempts      int       `json:"attempts"`
	NextAttemptAt time.Time `json:"nextAttemptAt,omitzero"`
	LastAttemptAt time.Time `json:"lastAttemptAt,omitzero"`
	LastStatus    int       `json:"lastStatus,omitempty"`
	LastError     string    `json:"lastError,omitempty"`
	// EndedAt and Reason are of the end; HeldBy and HeldReason of a hold.
	EndedAt    time.Time `json:"endedAt,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	HeldBy     string    `json:"heldBy,omitempty"`
	HeldReason string    `json:"heldReason,omitempty"`
}

func newParcel(v delivery.View) Parcel {
	p := Parcel{
		ID: v.Ref.AcceptedID, ParcelID: v.Ref.ParcelID, State: v.State, InFlight: v.InFlight,
		Destination: v.Ref.Destination, PrivateGateway: v.Ref.SourceGatewayID,
		Sender: v.Ref.SenderID, Recipient: v.Ref.RecipientID, Size: v.Size,
		AcceptedAt: v.AcceptedAt, Via: string(v.Via), ExpiresAt: v.ExpiresAt, Deadline: v.Deadline,
		Attempts: v.Attempts, NextAttemptAt: v.Due,
		EndedAt: v.EndedAt, Reason: v.Reason, HeldBy: v.HeldBy, HeldReason: v.HeldReason,
	}
	if a := v.LastAttempt; a != nil {
		p.LastAttemptAt, p.LastStatus, p.LastError = a.StartedAt, a.Status, a.Cause
	}
	return p
}

// Page is some of the deliveries that a filter selects, the oldest first.
type Page struct {
	// Matched is how many there are; 0 for ended ones, which are not counted.
	Matched int `json:"matched"`
	// Size is the sum of the sizes of those.
	Size    int64    `json:"size"`
	Parcels []Parcel `json:"parcels"`
}

// Stats is the state of the queue.
type Stats struct {
	Queued       int           `json:"queued"`
	Deferred     int           `json:"deferred"`
	Held         int           `json:"held"`
	InFlight     int           `json:"inFlight"`
	OldestSince  time.Time     `json:"oldestSince,omitzero"`
	Destinations []Destination `json:"destinations"`
}

// Destination is what is known of a destination.
type Destination struct {
	Name        string                `json:"name"`
	Waiting     int                   `json:"waiting"`
	InFlight    int                   `json:"inFlight"`
	OldestSince time.Time             `json:"oldestSince,omitzero"`
	Breaker     delivery.BreakerState `json:"breaker"`
	OpenUntil   time.Time             `json:"openUntil,omitzero"`
	Failures    int                   `json:"failures"`
	LastError   string                `json:"lastError,omitempty"`
	LastErrorAt time.Time             `json:"lastErrorAt,omitzero"`
	// Elsewhere tells that another process attempts it: ask that for the breaker.
	Elsewhere  bool   `json:"elsewhere,omitempty"`
	Held       bool   `json:"held,omitempty"`
	HeldReason string `json:"heldReason,omitempty"`
}

// Filter selects deliveries; empty fields select all. See [delivery.Filter].
type Filter struct {
	Parcel         string                    `json:"parcel,omitempty"`
	Destination    string                    `json:"destination,omitempty"`
	PrivateGateway string                    `json:"privateGateway,omitempty"`
	State          projections.DeliveryState `json:"state,omitempty"`
	// OlderThan is in nanoseconds.
	OlderThan time.Duration `json:"olderThan,omitempty"`
}

// Empty tells whether the filter selects everything.
func (f Filter) Empty() bool { return f == Filter{} }

func (f Filter) query(limit int) url.Values {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, value := range map[string]string{
		"parcel": f.Parcel, "destination": f.Destination, "gateway": f.PrivateGateway, "state": string(f.State),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.OlderThan != 0 {
		q.Set("older-than", f.OlderThan.String())
	}
	return q
}

func parseFilter(q url.Values) (f Filter, err error) {
	f = Filter{
		Parcel: q.Get("parcel"), Destination: q.Get("destination"), PrivateGateway: q.Get("gateway"),
		State: projections.DeliveryState(q.Get("state")),
	}
	if age := q.Get("older-than"); age != "" {
		if f.OlderThan, err = time.ParseDuration(age); err != nil {
			return f, fmt.Errorf("older-than %q: want a time such as 2h", age)
		}
	}
	return f, nil
}

// Verb is what an action does.
type Verb string

// The verbs.
const (
	Hold    Verb = "hold"
	Release Verb = "release"
	Retry   Verb = "retry"
	Drop    Verb = "drop"
	Flush   Verb = "flush" // of a whole destination: everything due, the breaker closed
)

// Action is what an operator wants done.
type Action struct {
	Verb Verb `json:"verb"`
	// Whole is a destination that is held, released or flushed as a whole, also
	// for what comes later. Otherwise Filter selects parcels.
	Whole  string `json:"whole,omitempty"`
	Filter Filter `json:"filter"`
	// By and Reason are kept in the history.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// DryRun changes nothing.
	DryRun bool `json:"dryRun,omitempty"`
}

// Done is what an action did, or would do.
type Done struct {
	// Matched counts the parcels that it concerns, Changed those for which an
	// event was recorded: none in a dry run.
	Matched int `json:"matched"`
	Changed int `json:"changed"`
	// Size is the sum of the sizes of those that it concerns.
	Size int64 `json:"size"`
	// Parcels are the first of them.
	Parcels []Parcel `json:"parcels"`
	DryRun  bool     `json:"dryRun,omitempty"`
}
