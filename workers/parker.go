package workers

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

// Appender records events (see jetstream.Log).
type Appender interface {
	// Append returns once the event is on disk. After an error it is recorded or not, and
	// appending it again is safe.
	Append(ctx context.Context, e events.Event) (events.Position, error)
}

// maxReason bounds the text of an error in the history, in octets.
const maxReason = 1000

// Parker sets messages aside: the history says where each stands and why it
// could not be handled, and an operator has it handled again or drops it.
type Parker struct {
	log Appender
	now func() time.Time
}

// NewParker returns a Parker that records on log.
func NewParker(log Appender) *Parker { return &Parker{log: log, now: time.Now} }

// Park records that a message could not be handled. When it returns nil that is
// durable, and the message can be acknowledged. Parking a message twice says
// the same thing twice: the event's id depends on the consumer and the position.
func (p *Parker) Park(ctx context.Context, d jetstream.Delivery, cause error) error {
	parked := events.MessageParked{
		Consumer: d.Consumer,
		Stream:   d.Stream,
		Sequence: d.Sequence,
		Subject:  d.Subject,
		EventID:  d.ID,
		Reason:   reason(cause),
		Attempts: d.Attempt,
	}
	parked.PrivateGatewayID, _ = events.GatewaysOf(d.Data)
	e := events.Caused(d.Event, d.Consumer, p.now(), parked)
	e.ID = events.DeriveID(string(parked.EventType()), d.Consumer, d.Stream, strconv.FormatUint(d.Sequence, 10))
	if e.CorrelationID == "" {
		e.CorrelationID = e.ID
	}
	if unreadable(d) {
		e.CausationID = "" // it may not be fit for a header
	}
	if _, err := p.log.Append(ctx, e); err != nil {
		return fmt.Errorf("workers: park sequence %d of %s: %w", d.Sequence, d.Stream, err)
	}
	return nil
}

func reason(cause error) string {
	text := cause.Error()
	if len(text) > maxReason {
		text = text[:maxReason]
	}
	return strings.ToValidUTF8(text, "")
}

func unreadable(d jetstream.Delivery) bool {
	_, bad := d.Data.(events.Unreadable)
	return bad
}
