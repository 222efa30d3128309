package projections

import (
	"awala.network/gateway/events"
)

// Keys of the documents of deliveries.
const (
	byOpen        = "open"
	byState       = "state"
	byDestination = "destination"

	openYes = "yes"
)

// Deliveries is the projection of the parcels that are bound for other Internet
// nodes: one [Delivery] for each accepted id, the second time that it is accepted
// included. What has ended stays until the parcel expires, so that a repeated
// acceptance is recognised.
type Deliveries struct{}

// Spec names the collection deliveries_v1 of the stream INTERNET_PARCELS.
func (Deliveries) Spec() Spec {
	return Spec{
		Name: "deliveries_v1", Stream: events.StreamInternetParcels,
		Indexes: []string{byOpen, byState, byDestination},
	}
}

// DocumentID is the id of the parcel's InternetParcelAccepted.
func (Deliveries) DocumentID(r events.Record) (string, bool) {
	switch data := r.Data.(type) {
	case events.InternetParcelAccepted:
		return r.ID, true
	case interface {
		Parcel() events.InternetParcelRef
	}:
		return data.Parcel().AcceptedID, true
	default:
		return "", false
	}
}

// Fold opens a delivery, notes attempts and what operators do, and ends it. The
// first end counts, and nothing after it.
func (Deliveries) Fold(d *Delivery, r events.Record) bool {
	if data, ok := r.Data.(events.InternetParcelAccepted); ok {
		return d.accept(r, data)
	}
	if d.Sequence == 0 || !d.State.Open() {
		return false
	}
	switch data := r.Data.(type) {
	case events.InternetParcelDeferred:
		return d.deferred(data)
	case events.InternetParcelDelivered:
		d.attempt(data.Attempt)
		return d.end(DeliveryDelivered, r.Time, "")
	case events.InternetParcelRefused:
		if data.Attempt != nil {
			d.attempt(*data.Attempt)
		}
		return d.end(DeliveryRefused, r.Time, data.Reason)
	case events.InternetParcelExpired:
		return d.end(DeliveryExpired, r.Time, data.Reason)
	case events.InternetParcelDropped:
		return d.end(DeliveryDropped, r.Time, data.Reason)
	case events.InternetParcelHeld:
		return d.hold(data.Operation)
	case events.InternetParcelReleased:
		return d.release(r.Time)
	case events.InternetParcelHastened:
		return d.hasten(r.Time)
	default:
		return false
	}
}

// Listing lists deliveries by whether they are open, by state and by destination,
// in the order of acceptance, and lets those expire that have ended.
func (Deliveries) Listing(d *Delivery) Listing {
	l := Listing{
		Keys: map[string]string{byState: string(d.State), byDestination: d.Ref.Destination}, Rank: int64(d.Sequence),
	}
	if d.State.Open() {
		l.Keys[byOpen] = openYes
	} else {
		l.ExpiresAt = d.ExpiresAt
	}
	return l
}
