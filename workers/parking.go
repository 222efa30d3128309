package workers

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill/message"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

// parking sets aside what cannot be handled, and then lets it be acknowledged.
type parking struct {
	parker      *Parker
	maxAttempts int
	metrics     *metrics
	logger      *slog.Logger
}

// middleware parks after the last attempt, and before a message that has been delivered
// twice as often, since it must be one that kills its process: an end of memory, for
// instance, which no handler survives. Such a one would stop its worker for ever.
func (p *parking) middleware(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		d, ok := jetstream.DeliveryFrom(msg.Context())
		if !ok {
			return nil, fault.Fatal(errNoDelivery)
		}
		if bad, ok := d.Data.(events.Unreadable); ok {
			return nil, p.park(msg, d, bad.Err)
		}
		if d.Attempt > 2*p.maxAttempts {
			return nil, p.park(msg, d, fmt.Errorf("delivered %d times, and no process lived to say what came of it", d.Attempt))
		}
		produced, err := next(msg)
		switch {
		case err == nil, fault.IsFatal(err):
			return produced, err
		case fault.IsPermanent(err):
			return nil, p.park(msg, d, err)
		case d.Attempt >= p.maxAttempts && msg.Context().Err() == nil:
			return nil, p.park(msg, d, fmt.Errorf("given up after %d attempts: %w", d.Attempt, err))
		}
		return nil, err
	}
}

// park returns nil once the parking is durable. An error is transient, whatever
// it was that could not be handled.
func (p *parking) park(msg *message.Message, d jetstream.Delivery, cause error) error {
	ctx := msg.Context()
	if err := p.parker.Park(ctx, d, cause); err != nil {
		return fault.Transient(errors.Join(err, cause))
	}
	handler := message.HandlerNameFromCtx(ctx)
	p.metrics.parked.WithLabelValues(handler).Inc()
	p.logger.LogAttrs(ctx, slog.LevelError, "message parked",
		slog.String("handler", handler), slog.String("event_id", d.ID), slog.String("stream", d.Stream),
		slog.Uint64("sequence", d.Sequence), slog.Int("attempts", d.Attempt), slog.Any("error", cause))
	return nil
}
