package events

import "time"

// CargoPrepared says that a cargo for a private gateway is written and about to be
// handed to a courier, who may take it or not: it is recorded first, so there is no
// cargo of ours that the history does not know.
//
// It ends nothing: a parcel stays queued until its private gateway acknowledges it.
// But what was in no cargo cannot be acknowledged by cargo.
type CargoPrepared struct {
	// PrivateGatewayID is the recipient.
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// AuthorizationID is the message id of the cargo collection authorisation (CCA)
	// that the courier brought.
	AuthorizationID string `json:"authorizationId" private:"sealed"`
	// CargoID is the cargo's message id.
	CargoID string `json:"cargoId" private:"sealed"`
	// Size is the length of the serialised cargo in octets.
	Size int64 `json:"size"`
	// CreatedAt and ExpiresAt are the cargo's own dates.
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	// OurKeyID identifies the session key of ours that the cargo carries, in lowercase
	// hexadecimal. The recipient encrypts to it once it has read the cargo.
	OurKeyID string `json:"ourKeyId" private:"sealed"`
	// Parcels are the sequences of the [GatewayParcelAccepted] of the parcels in it,
	// in this stream, in their order.
	Parcels []uint64 `json:"parcels,omitempty"`
	// Acknowledgements counts the parcel collection acknowledgements in it.
	Acknowledgements int `json:"acknowledgements,omitempty"`
}

// EventType implements [Data].
func (CargoPrepared) EventType() Type { return "cargo-prepared.v1" }

// Channel returns pdc-parcel.<private gateway id>.cargo.
func (e CargoPrepared) Channel() string { return PreparedCargoChannel(e.PrivateGatewayID) }

// AggregateID returns the cargo's recipient and a hash of its id.
func (e CargoPrepared) AggregateID() string { return e.PrivateGatewayID + "/" + DeriveID(e.CargoID) }

// PreparedCargoChannel is the subject of the cargoes for one private gateway. It is
// in the stream of the parcels, so that the sequence tells what came first.
func PreparedCargoChannel(privateGatewayID string) string {
	return "pdc-parcel." + privateGatewayID + ".cargo"
}
