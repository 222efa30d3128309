package events

// GatewayParcelAccepted says that a parcel bound for one of our private
// gateways is stored and that its sender was, or will be, told so. It opens the
// parcel's life; exactly one of [GatewayParcelCollected],
// [GatewayParcelExpired], [GatewayParcelReplaced] and [GatewayParcelDropped]
// ends it.
//
// Its id is derived from the parcel's key and digest: the same octets accepted
// twice are one event.
type GatewayParcelAccepted struct {
	ParcelKey
	ParcelBlob
	// PrivateGatewayID is the gateway that serves the recipient.
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// SourceGatewayID is the private gateway that handed the parcel in, or ""
	// when it came from the Internet.
	SourceGatewayID string `json:"sourceGatewayId,omitempty" private:"source"`
	// Via is the binding by which the parcel came in.
	Via Ingress `json:"via" private:"public"`
}

// GatewayParcelCollected says that the private gateway acknowledged the parcel.
type GatewayParcelCollected struct {
	GatewayParcelEnd
	// Via is poweb for an acknowledgement on the WebSocket and cargo for a
	// parcel collection acknowledgement (PCA).
	Via Ingress `json:"via" private:"public"`
}

// GatewayParcelExpired says that nobody collected the parcel in time.
type GatewayParcelExpired struct {
	GatewayParcelEnd
}

// GatewayParcelReplaced says that a newer parcel with the same key took the
// place of this one before it was collected (RS-007 §Parcel delivery).
type GatewayParcelReplaced struct {
	GatewayParcelEnd
	// ReplacedBy is the id of the newer parcel's [GatewayParcelAccepted].
	ReplacedBy string `json:"replacedBy" private:"public"`
}

// GatewayParcelDropped says that an operator gave the parcel up.
type GatewayParcelDropped struct {
	GatewayParcelEnd
	// Reason is the operator's own words.
	Reason string `json:"reason" private:"sealed"`
}

// GatewayParcelHastened says that an operator wants the parcel, which could not be
// handed out before, to be tried again with whoever is collecting at the moment. It
// ends nothing.
type GatewayParcelHastened struct {
	ParcelKey
	// PrivateGatewayID is the gateway that serves the recipient.
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// SourceGatewayID is that of the version's [GatewayParcelAccepted].
	SourceGatewayID string `json:"sourceGatewayId,omitempty" private:"source"`
	// AcceptedID is the id of the version's [GatewayParcelAccepted], at Sequence.
	AcceptedID string `json:"acceptedId" private:"public"`
	Sequence   uint64 `json:"sequence"`
	Operation
}

// GatewayParcelEnd is what every final event of a gateway-bound parcel holds.
// It names the accepted version, not just the key: the acknowledgement of one
// version must never end another.
type GatewayParcelEnd struct {
	ParcelKey
	// PrivateGatewayID is the gateway that serves the recipient.
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// SourceGatewayID is that of the version's [GatewayParcelAccepted].
	SourceGatewayID string `json:"sourceGatewayId,omitempty" private:"source"`
	// AcceptedID is the id of the version's [GatewayParcelAccepted].
	AcceptedID string `json:"acceptedId" private:"public"`
	// BlobKey is the object that may be removed now.
	BlobKey string `json:"blobKey" private:"public"`
}

// EventType implements [Data].
func (GatewayParcelAccepted) EventType() Type { return "gateway-parcel-accepted.v1" }

// EventType implements [Data].
func (GatewayParcelCollected) EventType() Type { return "gateway-parcel-collected.v1" }

// EventType implements [Data].
func (GatewayParcelExpired) EventType() Type { return "gateway-parcel-expired.v1" }

// EventType implements [Data].
func (GatewayParcelReplaced) EventType() Type { return "gateway-parcel-replaced.v1" }

// EventType implements [Data].
func (GatewayParcelDropped) EventType() Type { return "gateway-parcel-dropped.v1" }

// EventType implements [Data].
func (GatewayParcelHastened) EventType() Type { return "gateway-parcel-hastened.v1" }

// Channel returns pdc-parcel.<private gateway id>.
func (e GatewayParcelAccepted) Channel() string { return GatewayParcelChannel(e.PrivateGatewayID) }

// Channel returns pdc-parcel.<private gateway id>.outcome.
func (e GatewayParcelEnd) Channel() string { return GatewayParcelOutcomes(e.PrivateGatewayID) }

// AggregateID returns the hash of the parcel's key.
func (e GatewayParcelAccepted) AggregateID() string { return e.Hash() }

// Channel returns pdc-parcel.<private gateway id>.outcome.
func (e GatewayParcelHastened) Channel() string { return GatewayParcelOutcomes(e.PrivateGatewayID) }

// AggregateID returns the hash of the parcel's key.
func (e GatewayParcelHastened) AggregateID() string { return e.Hash() }

// AggregateID returns the hash of the parcel's key.
func (e GatewayParcelEnd) AggregateID() string { return e.Hash() }

// GatewayParcelChannel is the subject of work for one private gateway.
func GatewayParcelChannel(privateGatewayID string) string {
	return "pdc-parcel." + privateGatewayID
}

// GatewayParcelOutcomes is the subject of the ends of one private gateway's
// parcels.
func GatewayParcelOutcomes(privateGatewayID string) string {
	return "pdc-parcel." + privateGatewayID + ".outcome"
}
