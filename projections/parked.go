package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

// Keys of the documents of parked messages, besides byState.
const byConsumer = "consumer"

// ParkedMessages is the projection of the messages that consumers set aside: one
// [ParkedMessage] for each, under the id of its MessageParked.
type ParkedMessages struct{}

// ParkedState is what became of a parked message.
type ParkedState string

// The states of a parked message. A message that is parked again after it was
// replayed or dropped is open again.
const (
	ParkedOpen     ParkedState = "parked"
	ParkedReplayed ParkedState = "replayed"
	ParkedDropped  ParkedState = "dropped"
)

// ParkedMessage is a message that a consumer could not handle.
type ParkedMessage struct {
	ID    string      `json:"id"`
	State ParkedState `json:"state"`
	events.MessageParked
	CorrelationID string `json:"correlationId,omitempty"`
	// ParkedAt is when it was parked first; Times is how often, the last time at
	// LastParkedAt. The rest is what was said then.
	ParkedAt     time.Time `json:"parkedAt"`
	Times        int       `json:"times"`
	LastParkedAt time.Time `json:"lastParkedAt"`
	// Position is where the first MessageParked stands in the stream PARKED.
	Position uint64 `json:"position"`
	// EndedAt is when it was replayed or dropped, by whom and why as Resolution says.
	EndedAt    time.Time         `json:"endedAt,omitzero"`
	Resolution *events.Operation `json:"resolution,omitempty"`
}

// Spec names the collection parked_v1 of the stream PARKED.
func (ParkedMessages) Spec() Spec {
	return Spec{Name: "parked_v1", Stream: events.StreamParked, Indexes: []string{byState, byConsumer}}
}

// DocumentID is the id of the MessageParked.
func (ParkedMessages) DocumentID(r events.Record) (string, bool) {
	switch data := r.Data.(type) {
	case events.MessageParked:
		return r.ID, true
	case events.ParkedMessageReplayed:
		return data.ParkedID, true
	case events.ParkedMessageDropped:
		return data.ParkedID, true
	default:
		return "", false
	}
}

// Fold opens a message, again and again if need be, and ends it.
func (ParkedMessages) Fold(p *ParkedMessage, r events.Record) bool {
	switch data := r.Data.(type) {
	case events.MessageParked:
		if p.Times == 0 {
			p.ID, p.ParkedAt, p.Position, p.CorrelationID = r.ID, r.Time, r.Sequence, r.CorrelationID
		}
		p.MessageParked, p.State, p.LastParkedAt = data, ParkedOpen, r.Time
		p.Times++
		p.EndedAt, p.Resolution = time.Time{}, nil
		return true
	case events.ParkedMessageReplayed:
		return p.end(ParkedReplayed, r.Time, data.Operation)
	case events.ParkedMessageDropped:
		return p.end(ParkedDropped, r.Time, data.Operation)
	default:
		return false
	}
}

func (p *ParkedMessage) end(state ParkedState, at time.Time, by events.Operation) bool {
	if p.State != ParkedOpen {
		return false
	}
	p.State, p.EndedAt, p.Resolution = state, at, &by
	return true
}

// Cause is the MessageParked as far as events that follow from it need it.
func (p *ParkedMessage) Cause() events.Event {
	return events.Event{ID: p.ID, CorrelationID: p.CorrelationID}
}

// Ref names the message in outcomes.
func (p *ParkedMessage) Ref() events.ParkedRef {
	return events.ParkedRef{ParkedID: p.ID, Consumer: p.Consumer, PrivateGatewayID: p.PrivateGatewayID}
}

// parkedKept is how long what was dealt with can still be looked at.
const parkedKept = 90 * 24 * time.Hour

// Listing lists messages by state and consumer, in the order in which they were
// parked, and lets those expire that were dealt with.
func (ParkedMessages) Listing(p *ParkedMessage) Listing {
	l := Listing{
		Keys: map[string]string{byState: string(p.State), byConsumer: p.Consumer}, Rank: int64(p.Position),
	}
	if p.State != ParkedOpen {
		l.ExpiresAt = p.EndedAt.Add(parkedKept)
	}
	return l
}

// ParkedReader reads the stored [ParkedMessages], which may be behind.
type ParkedReader struct{ collection documents.Collection }

// NewParkedReader returns a reader of a collection that [Open] opened.
func NewParkedReader(parked documents.Collection) ParkedReader { return ParkedReader{parked} }

// Get returns a parked message; documents.ErrNotFound if there is none.
func (r ParkedReader) Get(ctx context.Context, id string) (ParkedMessage, error) {
	d, err := r.collection.Get(ctx, id)
	if errors.Is(err, documents.ErrNotFound) || errors.Is(err, documents.ErrInvalid) {
		return ParkedMessage{}, documents.ErrNotFound
	}
	if err != nil {
		return ParkedMessage{}, fmt.Errorf("projections: read a parked message: %w", err)
	}
	e, err := decode[ParkedMessage](d)
	if err != nil {
		return ParkedMessage{}, err
	}
	return e.state, nil
}

// In yields the messages in a state, in the order in which they were parked, until
// yield returns an error.
func (r ParkedReader) In(ctx context.Context, s ParkedState, yield func(ParkedMessage) error) error {
	q := documents.Query{Key: byState, Value: string(s), Limit: deliveryPage}
	return scan(ctx, r.collection, q, func(stored Stored[ParkedMessage]) error { return yield(stored.State) })
}
