package jetstream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// How long an answer is waited for before the request is sent again, and the pause
// before that when nobody could have taken it, or when another is in flight.
const (
	resendAfter   = 1500 * time.Millisecond
	resendPause   = 200 * time.Millisecond
	inFlightPause = 20 * time.Millisecond
)

// codeDuplicateInFlight is the server's JSStreamDuplicateMessageConflict, which nats.go
// has no name for.
const codeDuplicateInFlight natsjs.ErrorCode = 10158

// insist makes a request, which may be made any number of times, until it is answered
// or ctx ends: a server that dies takes with it what it had not answered, and another
// follows it within a second or two. A caller that is patient is so with the request,
// not with one try.
func (l *Log) insist(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	for {
		trying, cancel := context.WithTimeout(ctx, resendAfter)
		err := try(trying)
		cancel()
		switch {
		case errors.Is(err, natsjs.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
			sleep(ctx, resendPause)
		case isInFlight(err):
			sleep(ctx, inFlightPause) // then it is recorded, or will never be
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

// isInFlight tells whether an error says that the servers are still about to record
// something on the same subject, or the same event: whether they do is not known yet.
// Streams with several copies say so.
func isInFlight(err error) bool {
	var api *natsjs.APIError
	return errors.As(err, &api) && (api.ErrorCode == natsjs.JSErrCodeStreamWrongLastSequenceConstant || api.ErrorCode == codeDuplicateInFlight)
}
