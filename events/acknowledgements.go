package events

import "time"

// AcknowledgementsChannel is the subject of the parcel collection
// acknowledgements (PCAs) that a private gateway is to be sent.
func AcknowledgementsChannel(privateGatewayID string) string {
	return acknowledgementsPrefix + privateGatewayID
}

// MaxDueParcels bounds the parcels in one [AcknowledgementsDue], so that the event
// fits in a message.
const MaxDueParcels = 1000

// AcknowledgementsDue says that parcels from a cargo are safe here, so that the
// private gateway, which keeps them until it knows, is to be told so by PCAs
// (RS-000). A cargo with more than [MaxDueParcels] parcels makes several of them.
//
// Its id is derived from the cargo's [CargoReceived], or from what a takeover found.
// The same parcels in another
// cargo make another: then the private gateway has not heard yet.
type AcknowledgementsDue struct {
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// CargoID is the cargo's message id; "" if a gateway that this one took over had
	// the parcels.
	CargoID string `json:"cargoId" private:"sealed"`
	// Parcels are to be acknowledged, each until it expires.
	Parcels []DueParcel `json:"parcels"`
}

// DueParcel is a parcel to be acknowledged.
type DueParcel struct {
	ParcelKey
	// ExpiresAt is when the private gateway forgets the parcel by itself.
	ExpiresAt time.Time `json:"expiresAt"`
}

// EventType implements [Data].
func (AcknowledgementsDue) EventType() Type { return "acknowledgements-due.v1" }

// Channel returns gateway.acknowledgements.<private gateway id>.
func (e AcknowledgementsDue) Channel() string { return AcknowledgementsChannel(e.PrivateGatewayID) }

// AggregateID returns the private gateway's id.
func (e AcknowledgementsDue) AggregateID() string { return e.PrivateGatewayID }
