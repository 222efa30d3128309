package projections

import (
	"time"

	"awala.network/gateway/events"
)

// Destinations is the projection of what operators did to whole destinations:
// one [Destination] for each, under its name. A destination that no operator
// touched has no document.
type Destinations struct{}

// Destination is an Internet address that parcels are bound for.
type Destination struct {
	Name string `json:"name"`
	// Held tells that nothing is delivered; By and Reason are the operator's.
	Held   bool      `json:"held"`
	HeldAt time.Time `json:"heldAt,omitzero"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	// ReleasedAt is when it was last released: the time for retries of what was
	// accepted before counts from there.
	ReleasedAt time.Time `json:"releasedAt,omitzero"`
	// FlushedAt is when all of it was last made due at once. Releasing does so,
	// too.
	FlushedAt time.Time `json:"flushedAt,omitzero"`
}

const kindDestination = "destination"

// Spec names the collection destinations_v1 of the stream INTERNET_PARCELS.
func (Destinations) Spec() Spec {
	return Spec{Name: "destinations_v1", Stream: events.StreamInternetParcels, Indexes: []string{byKind}}
}

// DocumentID is the destination's name.
func (Destinations) DocumentID(r events.Record) (string, bool) {
	switch data := r.Data.(type) {
	case events.DestinationHeld:
		return data.Destination, true
	case events.DestinationReleased:
		return data.Destination, true
	case events.DestinationFlushed:
		return data.Destination, true
	default:
		return "", false
	}
}

// Fold notes what an operator did.
func (Destinations) Fold(d *Destination, r events.Record) bool {
	switch data := r.Data.(type) {
	case events.DestinationHeld:
		d.Name, d.Held, d.HeldAt, d.By, d.Reason = data.Destination, true, r.Time, data.By, data.Reason
	case events.DestinationReleased:
		if !d.Held {
			return false
		}
		d.Held, d.HeldAt, d.By, d.Reason = false, time.Time{}, "", ""
		d.ReleasedAt, d.FlushedAt = r.Time, r.Time
	case events.DestinationFlushed:
		d.Name, d.FlushedAt = data.Destination, r.Time
	default:
		return false
	}
	return true
}

// Listing lists every destination. They are few, and all of one rank.
func (Destinations) Listing(*Destination) Listing {
	return Listing{Keys: map[string]string{byKind: kindDestination}, Rank: 1}
}
