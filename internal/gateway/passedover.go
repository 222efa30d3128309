package gateway

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

// passedOverBacklog is how many reports wait to be recorded. More are only
// logged: the same parcels are reported again at the next collection.
const passedOverBacklog = 256

// passedOver records the parcels that a server could not hand out, without
// making the server wait for the history.
type passedOver struct {
	park    *handlers.ParkParcel
	logger  *slog.Logger
	reports chan passedOverReport
}

type passedOverReport struct {
	parcel projections.Item
	reason error
}

// newPassedOver returns a recorder whose run must be running.
func newPassedOver(park *handlers.ParkParcel, logger *slog.Logger) *passedOver {
	return &passedOver{park: park, logger: logger, reports: make(chan passedOverReport, passedOverBacklog)}
}

// Undeliverable implements the servers' Reporter ports. It does not block.
func (p *passedOver) Undeliverable(ctx context.Context, parcel projections.Item, reason error) {
	select {
	case p.reports <- passedOverReport{parcel, reason}:
	default:
		p.log(ctx, slog.LevelError, "parcel passed over, not parked for lack of room", parcel, reason)
	}
}

// run records reports until ctx ends. What the history does not take is only
// logged: the parcel stays queued and will be reported again.
func (p *passedOver) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-p.reports:
			p.record(ctx, r)
		}
	}
}

func (p *passedOver) record(ctx context.Context, r passedOverReport) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	parked, err := p.park.Run(ctx, r.parcel, r.reason)
	switch {
	case err != nil:
		p.log(ctx, slog.LevelError, "parcel passed over, not parked", r.parcel, errors.Join(r.reason, err))
	case parked:
		p.log(ctx, slog.LevelError, "parcel passed over and parked", r.parcel, r.reason)
	default:
		p.log(ctx, slog.LevelDebug, "parcel passed over, it had ended", r.parcel, r.reason)
	}
}

func (p *passedOver) log(ctx context.Context, level slog.Level, message string, parcel projections.Item, reason error) {
	p.logger.LogAttrs(ctx, level, message,
		slog.String("parcel_id", parcel.Key.ParcelID),
		slog.String("private_gateway_id", parcel.PrivateGatewayID),
		slog.String("event_id", parcel.AcceptedID),
		slog.Any("error", reason))
}
