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
	Consumer string `json:"consumer"`
	// Stream, Sequence and Subject say where the message stands.
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Subject  string `json:"subject"`
	// EventID is the message's own id, if it could be read.
	EventID string `json:"eventId,omitempty"`
	// Reason is the error.
	Reason string `json:"reason"`
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
	ParkedID string `json:"parkedId"`
	Consumer string `json:"consumer"`
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
