package takeover

import (
	"context"
	"errors"
	"io"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/keystore"
)

// Target is this gateway's backing services.
type Target struct {
	Secrets keystore.Secrets
	Blobs   Blobs
	History History
}

// Blobs is what is needed of the object store.
type Blobs interface {
	handlers.BlobPutter
	// Get returns a blob; blobs.ErrNotFound says that there is none.
	Get(ctx context.Context, key string) ([]byte, blobs.Meta, error)
}

// History is what is needed of the event history.
type History interface {
	identity.Log
	handlers.ConditionalLog
	// Records yields every record of a stream up to its present end, in order, until
	// yield's error.
	Records(ctx context.Context, stream string, yield func(events.Record) error) error
}

// ErrUnderWay says that a takeover was begun and not completed: nothing but it may
// work on this gateway.
var ErrUnderWay = errors.New("a takeover is under way: complete it with takeover --cutover, or abandon this gateway's data")

// Check returns [ErrUnderWay] if that is so, or what keeps it from being known.
func Check(ctx context.Context, log handlers.ConditionalLog) error {
	state, err := stateOf(ctx, log)
	if err == nil && state.begun != nil && state.completed == nil {
		err = ErrUnderWay
	}
	return err
}

// state is how far a takeover is.
type state struct {
	begun     *events.TakeoverBegun
	completed *events.TakeoverCompleted
}

func stateOf(ctx context.Context, log handlers.ConditionalLog) (state, error) {
	last, err := log.Last(ctx, events.StreamGateway, events.TakeoverChannel)
	if errors.Is(err, io.EOF) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	var s state
	switch data := last.Data.(type) {
	case events.TakeoverBegun:
		s.begun = &data
	case events.TakeoverCompleted:
		s.completed = &data
	}
	return s, nil
}

// Former is a handlers.KnownParcels on the event history.
type Former struct{ log handlers.ConditionalLog }

// OpenFormer returns what is known from a takeover; nil if there was none, or if it
// was so long ago that nothing known then is valid.
func OpenFormer(ctx context.Context, log handlers.ConditionalLog, now time.Time) (handlers.KnownParcels, error) {
	s, err := stateOf(ctx, log)
	if err != nil || s.completed == nil || now.After(s.completed.KnownUntil) {
		return nil, err
	}
	return Former{log}, nil
}

// Known implements handlers.KnownParcels.
func (f Former) Known(ctx context.Context, gatewayID string, key events.ParcelKey) (events.Record, error) {
	return f.log.Last(ctx, events.StreamGateway, events.KnownParcelChannel(gatewayID, key))
}
