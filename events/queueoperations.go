package events

// Operation says who did something by hand, and why.
type Operation struct {
	// By is the operator, as the command named them.
	By string `json:"by,omitempty" private:"public"`
	// Reason is in the operator's words.
	Reason string `json:"reason,omitempty" private:"sealed"`
}

// InternetParcelHeld says that an operator keeps the parcel from being
// delivered until [InternetParcelReleased]. It still expires.
type InternetParcelHeld struct {
	InternetParcelRef
	Operation
}

// InternetParcelReleased ends [InternetParcelHeld]: the parcel is due at once,
// and the time allowed for retries begins anew.
type InternetParcelReleased struct {
	InternetParcelRef
	Operation
}

// InternetParcelHastened says that an operator wants the next attempt at once.
type InternetParcelHastened struct {
	InternetParcelRef
	Operation
}

// DestinationHeld says that an operator keeps everything for a destination,
// also what is accepted later, until [DestinationReleased].
type DestinationHeld struct {
	Destination string `json:"destination" private:"public"`
	Operation
}

// DestinationReleased ends [DestinationHeld]: everything for the destination is
// due at once, and its time for retries begins anew.
type DestinationReleased struct {
	Destination string `json:"destination" private:"public"`
	Operation
}

// DestinationFlushed says that an operator wants everything for a destination
// attempted at once, whatever is known of the destination.
type DestinationFlushed struct {
	Destination string `json:"destination" private:"public"`
	Operation
}

// EventType implements [Data].
func (InternetParcelHeld) EventType() Type { return "internet-parcel-held.v1" }

// EventType implements [Data].
func (InternetParcelReleased) EventType() Type { return "internet-parcel-released.v1" }

// EventType implements [Data].
func (InternetParcelHastened) EventType() Type { return "internet-parcel-hastened.v1" }

// EventType implements [Data].
func (DestinationHeld) EventType() Type { return "destination-held.v1" }

// EventType implements [Data].
func (DestinationReleased) EventType() Type { return "destination-released.v1" }

// EventType implements [Data].
func (DestinationFlushed) EventType() Type { return "destination-flushed.v1" }

// Channel returns internet-parcels.outcome.
func (DestinationHeld) Channel() string { return InternetParcelsOutcomes }

// Channel returns internet-parcels.outcome.
func (DestinationReleased) Channel() string { return InternetParcelsOutcomes }

// Channel returns internet-parcels.outcome.
func (DestinationFlushed) Channel() string { return InternetParcelsOutcomes }

// AggregateID returns the destination.
func (e DestinationHeld) AggregateID() string { return e.Destination }

// AggregateID returns the destination.
func (e DestinationReleased) AggregateID() string { return e.Destination }

// AggregateID returns the destination.
func (e DestinationFlushed) AggregateID() string { return e.Destination }

// InternetParcelEndID is the id of the event that ends an Internet-bound parcel,
// whichever of the four ends it is: so two ends recorded within the stream's
// deduplication window are one.
func InternetParcelEndID(acceptedID string) string {
	return DeriveID("internet-parcel-end", acceptedID)
}

// Parcel returns the parcel that an outcome is about.
func (e InternetParcelRef) Parcel() InternetParcelRef { return e }
