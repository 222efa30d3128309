package events

import "time"

// TakeoverChannel is the subject of the takeover of another gateway's deployment.
// If its last record is a [TakeoverBegun], nothing of this gateway may run yet.
const TakeoverChannel = "gateway.takeover"

const knownPrefix = "gateway.known."

// KnownParcelChannel is the subject of one Internet-bound parcel of a private
// gateway: it has a record if a gateway that this one took over had accepted it.
func KnownParcelChannel(privateGatewayID string, key ParcelKey) string {
	return knownChannel(privateGatewayID, key.Hash())
}

func knownChannel(privateGatewayID, parcelHash string) string {
	return knownPrefix + privateGatewayID + "." + subjectToken(parcelHash)
}

// TakeoverBegun says that this gateway takes the place of another deployment, with
// its identity and all that waits there. From then on until [TakeoverCompleted] the
// history follows the other one: what ends there ends here.
type TakeoverBegun struct {
	// NodeID is the id of both.
	NodeID string `json:"nodeId" private:"public"`
	// Bucket and Cluster say where the parcels and the queues of the other one are:
	// whoever goes on must look at the same.
	Bucket  string `json:"bucket" private:"public"`
	Cluster string `json:"cluster" private:"public"`
}

// TakeoverCompleted says that the other deployment has ended and that everything
// that waited there waits here. It is never looked at again.
type TakeoverCompleted struct {
	NodeID string `json:"nodeId" private:"public"`
	// KnownUntil is when the last parcel of an [InternetParcelKnown] expires; the
	// zero time if there is none.
	KnownUntil time.Time `json:"knownUntil,omitzero"`
}

// InternetParcelKnown says that the gateway that this one took over had accepted an
// Internet-bound parcel from the private gateway before. If it still waits, it has
// an [InternetParcelAccepted], too; otherwise it was delivered or given up there, and
// is a duplicate when it comes again.
type InternetParcelKnown struct {
	// ParcelHash is that of the parcel's [ParcelKey].
	ParcelHash string `json:"parcelHash" private:"sealed"`
	// PrivateGatewayID is the gateway that handed the parcel in.
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// ExpiresAt is the last instant at which the parcel is valid.
	ExpiresAt time.Time `json:"expiresAt"`
}

// EventType implements [Data].
func (TakeoverBegun) EventType() Type { return "takeover-begun.v1" }

// EventType implements [Data].
func (TakeoverCompleted) EventType() Type { return "takeover-completed.v1" }

// EventType implements [Data].
func (InternetParcelKnown) EventType() Type { return "internet-parcel-known.v1" }

// Channel returns gateway.takeover.
func (TakeoverBegun) Channel() string { return TakeoverChannel }

// Channel returns gateway.takeover.
func (TakeoverCompleted) Channel() string { return TakeoverChannel }

// Channel returns gateway.known.<private gateway id>.<parcel>.
func (e InternetParcelKnown) Channel() string {
	return knownChannel(e.PrivateGatewayID, e.ParcelHash)
}

// AggregateID returns the gateway's own id.
func (e TakeoverBegun) AggregateID() string { return e.NodeID }

// AggregateID returns the gateway's own id.
func (e TakeoverCompleted) AggregateID() string { return e.NodeID }

// AggregateID returns the hash of the parcel's key.
func (e InternetParcelKnown) AggregateID() string { return e.ParcelHash }
