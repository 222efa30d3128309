package events

import "time"

// Subjects of the CRC_CARGO stream.
const (
	CargoChannel  = "crc-cargo"
	CargoOutcomes = "crc-cargo.outcome"
)

// CargoReceived says that a courier's cargo is stored and acknowledged.
// [CargoUnwrapped] or [CargoRefused] ends its life.
type CargoReceived struct {
	// CargoID is the RAMF message id that the private gateway chose.
	CargoID string `json:"cargoId" private:"sealed"`
	// PrivateGatewayID is the sender.
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// BlobKey is the stored cargo.
	BlobKey string `json:"blobKey" private:"public"`
	// SHA256 is the lowercase hexadecimal digest of the serialised cargo.
	SHA256 string `json:"sha256" private:"sealed"`
	// Size is the length of the serialised cargo in octets.
	Size int64 `json:"size"`
	// CreatedAt and ExpiresAt are the cargo's own dates.
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// CargoRef names the cargo that an outcome is about.
type CargoRef struct {
	CargoID          string `json:"cargoId" private:"sealed"`
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// ReceivedID is the id of the cargo's [CargoReceived].
	ReceivedID string `json:"receivedId" private:"public"`
	// BlobKey is the object that may be removed now.
	BlobKey string `json:"blobKey" private:"public"`
}

// CargoUnwrapped says that every item of the cargo became an event or was
// recorded here as bad.
type CargoUnwrapped struct {
	CargoRef
	// Parcels, Acknowledgements and Rotations count the items of each kind.
	Parcels          int `json:"parcels"`
	Acknowledgements int `json:"acknowledgements"`
	Rotations        int `json:"rotations"`
	// Duplicates counts those of the parcels that had been accepted before.
	Duplicates int `json:"duplicates,omitempty"`
	// BadItems are those that were skipped, in order; the first of them if they
	// are many. Bad counts them all.
	BadItems []BadItem `json:"badItems,omitempty"`
	Bad      int       `json:"bad,omitempty"`
}

// BadItem is an item of a cargo that could not be used.
type BadItem struct {
	// Index is the item's position in the cargo, from 0.
	Index int `json:"index"`
	// Reason says what was wrong.
	Reason string `json:"reason" private:"sealed"`
}

// CargoRefused says that nothing in the cargo could be used.
type CargoRefused struct {
	CargoRef
	Reason string `json:"reason" private:"sealed"`
}

// CargoRejected says that what a courier delivered is no cargo for us, and was
// acknowledged and thrown away. Nothing of it was stored, and no [CargoReceived]
// precedes it. Who sent it is not recorded: anybody can say anything there.
type CargoRejected struct {
	// SHA256 is the lowercase hexadecimal digest of the octets, Size their count.
	SHA256 string `json:"sha256" private:"public"`
	Size   int64  `json:"size"`
	// Reason says what was wrong.
	Reason string `json:"reason" private:"public"`
}

// EventType implements [Data].
func (CargoReceived) EventType() Type { return "cargo-received.v1" }

// EventType implements [Data].
func (CargoUnwrapped) EventType() Type { return "cargo-unwrapped.v1" }

// EventType implements [Data].
func (CargoRefused) EventType() Type { return "cargo-refused.v1" }

// EventType implements [Data].
func (CargoRejected) EventType() Type { return "cargo-rejected.v1" }

// Channel returns crc-cargo.
func (CargoReceived) Channel() string { return CargoChannel }

// Channel returns crc-cargo.outcome.
func (CargoRef) Channel() string { return CargoOutcomes }

// Channel returns crc-cargo.outcome.
func (CargoRejected) Channel() string { return CargoOutcomes }

// AggregateID returns the cargo's sender and a hash of its id.
func (e CargoReceived) AggregateID() string { return e.PrivateGatewayID + "/" + DeriveID(e.CargoID) }

// AggregateID returns the cargo's sender and a hash of its id.
func (e CargoRef) AggregateID() string { return e.PrivateGatewayID + "/" + DeriveID(e.CargoID) }

// AggregateID returns the digest of the octets.
func (e CargoRejected) AggregateID() string { return e.SHA256 }
