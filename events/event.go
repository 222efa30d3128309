package events

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/google/uuid"
)

// Type names a kind of event and its version, such as
// "gateway-parcel-accepted.v1". On the wire it carries the prefix
// [TypePrefix].
type Type string

// TypePrefix precedes every [Type] in the ce-type header.
const TypePrefix = "network.awala.gateway."

// Data is the body of an event: one of the structs of this package.
type Data interface {
	// EventType names the struct's kind and version.
	EventType() Type
	// Channel is the subject that the event is recorded on.
	Channel() string
	// AggregateID names the thing whose life the event is part of.
	AggregateID() string
}

// Event is one recorded fact.
type Event struct {
	// ID identifies the event for ever; recording the same id twice within the
	// stream's deduplication window records it once.
	ID string
	// Source names the role that recorded it, such as "poweb".
	Source string
	// Time is when the recorder says that it happened.
	Time time.Time
	// CausationID is the id of the event that this one follows from, if any.
	CausationID string
	// CorrelationID is shared by all that follows from one ingress.
	CorrelationID string
	// TraceParent is a W3C trace context, if there is one.
	TraceParent string
	// Data says what happened.
	Data Data
}

// Record is an event as it stands in the history.
type Record struct {
	Event
	// Stream and Sequence are the event's position.
	Stream   string
	Sequence uint64
	// Subject is the subject that the event was recorded on.
	Subject string
	// StoredAt is when the history took it.
	StoredAt time.Time
}

// Position is a place in the history.
type Position struct {
	Stream   string
	Sequence uint64
	// Duplicate tells that the event was there already, at Sequence.
	Duplicate bool
}

// New returns an event that starts a chain of its own: a random id unless id is
// given, correlated with itself.
func New(id, source string, at time.Time, data Data) Event {
	if id == "" {
		id = uuid.NewString()
	}
	return Event{ID: id, Source: source, Time: at.UTC(), CorrelationID: id, Data: data}
}

// Caused returns an event that follows from cause, with an id derived from it.
// The parts tell the effects of one cause apart.
func Caused(cause Event, source string, at time.Time, data Data, parts ...string) Event {
	id := DeriveID(append([]string{cause.ID, string(data.EventType())}, parts...)...)
	return Event{
		ID: id, Source: source, Time: at.UTC(),
		CausationID: cause.ID, CorrelationID: cause.CorrelationID, TraceParent: cause.TraceParent,
		Data: data,
	}
}

// DeriveID returns an id that depends on the parts alone: 32 lowercase
// hexadecimal characters.
func DeriveID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
