package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// ErrConflict is [events.ErrConflict], for those who know this package.
var ErrConflict = events.ErrConflict

// Last returns the last record on exactly this subject, or io.EOF when there is
// none. The stream's leader answers, so every append that returned before the
// call is taken into account.
func (l *Log) Last(ctx context.Context, stream, subject string) (events.Record, error) {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	return l.askLast(ctx, stream, subject)
}

// AppendAfter is [Log.Append] on the condition that the last record on the
// event's subject still is the one at the sequence last, 0 for none. Otherwise
// nothing is recorded and the error is [ErrConflict]; it is also that when the
// very event was recorded by an earlier try whose answer got lost, unless the
// deduplication window recognises it.
func (l *Log) AppendAfter(ctx context.Context, e events.Event, last uint64) (events.Position, error) {
	return l.publish(ctx, e, natsjs.WithExpectLastSequencePerSubject(last))
}

// publish encodes and publishes e, and waits for the acknowledgement.
func (l *Log) publish(ctx context.Context, e events.Event, opts ...natsjs.PublishOpt) (at events.Position, err error) {
	if e.Data != nil { // which Encode refuses
		var span trace.Span
		ctx, span = producing(ctx, &e)
		defer func() { produced(span, at, err) }()
	}
	if e.Data, err = l.seal(ctx, e.Data); err != nil {
		return events.Position{}, fmt.Errorf("jetstream: append %s: %w", e.ID, err)
	}
	subject, header, body, err := events.Encode(e)
	if err != nil {
		return events.Position{}, fault.Permanent(fmt.Errorf("jetstream: append: %w", err))
	}
	began := time.Now()
	ack, err := l.send(ctx, nats.Msg{Subject: subject, Header: header, Data: body}, opts)
	l.opts.Appended(ctx, e.Data.EventType(), time.Since(began), err)
	if err != nil {
		return events.Position{}, fmt.Errorf("jetstream: append %s to %s: %w", e.ID, subject, publishError(err))
	}
	return events.Position{Stream: ack.Stream, Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// send sends an event until it is acknowledged or refused. The stream knows the event
// by its id and stores it once.
func (l *Log) send(ctx context.Context, msg nats.Msg, opts []natsjs.PublishOpt) (ack *natsjs.PubAck, err error) {
	err = l.insist(ctx, func(ctx context.Context) (err error) {
		try := msg
		ack, err = l.js.PublishMsg(ctx, &try, opts...)
		return err
	})
	return ack, err
}

// publishError gives the errors of a publish their class.
func publishError(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fault.Permanent(err)
	case isWrongLast(err):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	default:
		return err
	}
}

// isWrongLast tells whether an error says that something was recorded since.
func isWrongLast(err error) bool {
	var api *natsjs.APIError
	return errors.As(err, &api) && api.ErrorCode == natsjs.JSErrCodeStreamWrongLastSequence
}
