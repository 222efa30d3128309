package events

import "time"

// Subjects of the INTERNET_PARCELS stream.
const (
	InternetParcelsChannel  = "internet-parcels"
	InternetParcelsOutcomes = "internet-parcels.outcome"
)

// InternetParcelAccepted says that a parcel from one of our private gateways,
// bound for another Internet node, is stored. Exactly one of
// [InternetParcelDelivered], [InternetParcelRefused], [InternetParcelExpired]
// and [InternetParcelDropped] ends its life.
type InternetParcelAccepted struct {
	ParcelKey
	ParcelBlob
	// Destination is the recipient's Internet address, lowercase and without a
	// trailing dot.
	Destination string `json:"destination" private:"public"`
	// SourceGatewayID is the private gateway that handed the parcel in.
	SourceGatewayID string `json:"sourceGatewayId" private:"owner"`
	// Via is the binding by which the parcel came in.
	Via Ingress `json:"via" private:"public"`
}

// InternetParcelRef names the parcel that an outcome is about.
type InternetParcelRef struct {
	ParcelKey
	// AcceptedID is the id of the parcel's [InternetParcelAccepted].
	AcceptedID string `json:"acceptedId" private:"public"`
	// SourceGatewayID is the private gateway that handed the parcel in.
	SourceGatewayID string `json:"sourceGatewayId" private:"owner"`
	// Destination is the recipient's Internet address as it was accepted.
	Destination string `json:"destination" private:"public"`
	// BlobKey is the stored parcel.
	BlobKey string `json:"blobKey" private:"public"`
}

// DeliveryAttempt describes one try to deliver a parcel by PoHTTP.
type DeliveryAttempt struct {
	// Number counts from 1.
	Number int `json:"number"`
	// StartedAt is when the attempt began.
	StartedAt time.Time `json:"startedAt"`
	// DurationMillis is how long the attempt took.
	DurationMillis int64 `json:"durationMillis"`
	// Cause says why the attempt failed; "" when it did not.
	Cause string `json:"cause,omitempty" private:"sealed"`
	// Status is the last HTTP status, or 0 when there was none.
	Status int `json:"status,omitempty"`
}

// InternetParcelDelivered says that the destination accepted the parcel.
type InternetParcelDelivered struct {
	InternetParcelRef
	Attempt DeliveryAttempt `json:"attempt"`
}

// InternetParcelDeferred says that an attempt failed and when the next is due.
type InternetParcelDeferred struct {
	InternetParcelRef
	Attempt DeliveryAttempt `json:"attempt"`
	// NextAttemptAt is when the parcel is tried again.
	NextAttemptAt time.Time `json:"nextAttemptAt"`
}

// InternetParcelRefused says that the parcel will never be accepted: the
// destination refused it for good, or it is invalid.
type InternetParcelRefused struct {
	InternetParcelRef
	// Attempt is the refused attempt; nil when none was made.
	Attempt *DeliveryAttempt `json:"attempt,omitempty"`
	// Reason says why.
	Reason string `json:"reason" private:"sealed"`
}

// InternetParcelExpired says that the parcel, or the time allowed for retries,
// ran out.
type InternetParcelExpired struct {
	InternetParcelRef
	// Attempts is how many were made.
	Attempts int `json:"attempts"`
	// Reason tells which of the two ran out.
	Reason string `json:"reason" private:"sealed"`
}

// InternetParcelDropped says that an operator gave the parcel up.
type InternetParcelDropped struct {
	InternetParcelRef
	Reason string `json:"reason" private:"sealed"`
	// By is the operator, as the command named them.
	By string `json:"by,omitempty" private:"public"`
}

// EventType implements [Data].
func (InternetParcelAccepted) EventType() Type { return "internet-parcel-accepted.v1" }

// EventType implements [Data].
func (InternetParcelDelivered) EventType() Type { return "internet-parcel-delivered.v1" }

// EventType implements [Data].
func (InternetParcelDeferred) EventType() Type { return "internet-parcel-deferred.v1" }

// EventType implements [Data].
func (InternetParcelRefused) EventType() Type { return "internet-parcel-refused.v1" }

// EventType implements [Data].
func (InternetParcelExpired) EventType() Type { return "internet-parcel-expired.v1" }

// EventType implements [Data].
func (InternetParcelDropped) EventType() Type { return "internet-parcel-dropped.v1" }

// Channel returns internet-parcels.
func (InternetParcelAccepted) Channel() string { return InternetParcelsChannel }

// Channel returns internet-parcels.outcome.
func (InternetParcelRef) Channel() string { return InternetParcelsOutcomes }

// AggregateID returns the hash of the parcel's key.
func (e InternetParcelAccepted) AggregateID() string { return e.Hash() }

// AggregateID returns the hash of the parcel's key.
func (e InternetParcelRef) AggregateID() string { return e.Hash() }
