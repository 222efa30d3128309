package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/projections"
)

// ParkedMessages reads what is parked (see [projections.ParkedReader]).
type ParkedMessages interface {
	Get(ctx context.Context, id string) (projections.ParkedMessage, error)
}

// RecordAt reads one record of the history, or io.EOF if there is none.
type RecordAt interface {
	At(ctx context.Context, stream string, sequence uint64) (events.Record, error)
}

// Replayer lets a consumer's handler handle a record again (see workers.Replays).
type Replayer interface {
	// Replay returns the handler's error; nil says that what the handler does is durable.
	Replay(ctx context.Context, consumer string, rec events.Record) error
}

// Errors of what operators do to parked messages.
var (
	ErrNotParked    = errors.New("no such message is parked")
	ErrOriginalGone = errors.New("the history holds the message no more: it can only be dropped")
	// ErrFailedAgain means that the message stays parked.
	ErrFailedAgain = errors.New("it failed again")
)

// operator is the source of events that operators cause.
const operator = "operator"

// ResolveParked has parked messages handled again, or gives them up. Either is an
// event, and either can be repeated: the handlers can, and what was resolved is
// not parked any more.
type ResolveParked struct {
	Parked   ParkedMessages
	History  RecordAt
	Replayer Replayer
	Log      Appender
	Now      func() time.Time
}

// Replay has the message's consumer handle it again, in this process, as the
// history holds it and this version reads it, and then records that it did.
func (h *ResolveParked) Replay(ctx context.Context, id string, by events.Operation) error {
	p, err := h.open(ctx, id)
	if err != nil {
		return err
	}
	rec, err := h.History.At(ctx, p.Stream, p.Sequence)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("sequence %d of %s: %w", p.Sequence, p.Stream, ErrOriginalGone)
	}
	if err != nil {
		return fmt.Errorf("read the parked message: %w", err)
	}
	if err := h.Replayer.Replay(ctx, p.Consumer, rec); err != nil {
		return fmt.Errorf("%w: %w", ErrFailedAgain, err)
	}
	return h.record(ctx, p, events.ParkedMessageReplayed{ParkedRef: p.Ref(), Operation: by})
}

// Drop gives the message up.
func (h *ResolveParked) Drop(ctx context.Context, id string, by events.Operation) error {
	p, err := h.open(ctx, id)
	if err != nil {
		return err
	}
	return h.record(ctx, p, events.ParkedMessageDropped{ParkedRef: p.Ref(), Operation: by})
}

// open returns the message if it is parked still.
func (h *ResolveParked) open(ctx context.Context, id string) (projections.ParkedMessage, error) {
	p, err := h.Parked.Get(ctx, id)
	if errors.Is(err, documents.ErrNotFound) || (err == nil && p.State != projections.ParkedOpen) {
		return p, fmt.Errorf("%.64q: %w", id, ErrNotParked)
	}
	return p, err
}

// record says what became of the message. It can be parked again after that, and
// resolved again: the events of each time have ids of their own.
func (h *ResolveParked) record(ctx context.Context, p projections.ParkedMessage, data events.Data) error {
	e := events.Caused(p.Cause(), operator, h.Now(), data, strconv.Itoa(p.Times))
	if _, err := h.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("record what became of the parked message: %w", err)
	}
	return nil
}
