package events

// ParkedChannel is the subject of what one consumer set aside.
func ParkedChannel(consumer string) string { return "parked." + consumer }

// ParkedOutcomes is the subject of what became of it.
func ParkedOutcomes(consumer string) string { return "parked." + consumer + ".outcome" }

// MessageParked says that a consumer could not handle a message and went on
// without it. The message stays where it is in its stream, named here; an
// operator can have it handled again ([ParkedMessageReplayed]) or give it up
// ([ParkedMessageDropped]).
type MessageParked struct {
	// Consumer is the durable consumer that gave up.
	Consumer string `json:"consumer" private:"public"`
	// Stream, Sequence and Subject say where the message stands.
	Stream   string `json:"stream" private:"public"`
	Sequence uint64 `json:"sequence"`
	Subject  string `json:"subject" private:"subject"`
	// PrivateGatewayID is whom the message belongs to; "" if to nobody, or if it
	// could not be read.
	PrivateGatewayID string `json:"privateGatewayId,omitempty" private:"owner"`
	// EventID is the message's own id, if it could be read.
	EventID string `json:"eventId,omitempty" private:"public"`
	// Reason is the error.
	Reason string `json:"reason" private:"sealed"`
	// Attempts is how often it was tried.
	Attempts int `json:"attempts"`
}

// ParkedMessageReplayed says that the message was handled after all.
type ParkedMessageReplayed struct {
	ParkedRef
	Operation
}

// ParkedMessageDropped says that an operator gave the message up.
type ParkedMessageDropped struct {
	ParkedRef
	Operation
}

// ParkedRef names a parked message.
type ParkedRef struct {
	// ParkedID is the id of the [MessageParked].
	ParkedID string `json:"parkedId" private:"public"`
	Consumer string `json:"consumer" private:"public"`
	// PrivateGatewayID is that of the [MessageParked].
	PrivateGatewayID string `json:"privateGatewayId,omitempty" private:"owner"`
}

// EventType implements [Data].
func (MessageParked) EventType() Type { return "message-parked.v1" }

// EventType implements [Data].
func (ParkedMessageReplayed) EventType() Type { return "parked-message-replayed.v1" }

// EventType implements [Data].
func (ParkedMessageDropped) EventType() Type { return "parked-message-dropped.v1" }

// Channel returns parked.<consumer>.
func (e MessageParked) Channel() string { return ParkedChannel(e.Consumer) }

// Channel returns parked.<consumer>.outcome.
func (e ParkedRef) Channel() string { return ParkedOutcomes(e.Consumer) }

// AggregateID returns the consumer's name.
func (e MessageParked) AggregateID() string { return e.Consumer }

// AggregateID returns the id of the parked message.
func (e ParkedRef) AggregateID() string { return e.ParkedID }
