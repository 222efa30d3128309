package handlers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// CollectionConsumer is the name under which parcels are parked that could not
// be handed to their private gateway.
const CollectionConsumer = "collection"

// ParkParcel records that a queued parcel could not be handed out, for instance
// because its blob is gone, so that an operator sees it. The parcel stays queued:
// it is tried again at the next collection, and ends when it expires.
//
// Running twice says the same thing twice: the event's id depends on the parcel's
// position alone.
type ParkParcel struct {
	Log Appender
	Now func() time.Time
}

// Run records the parcel, durably when it returns nil. Errors are transient.
func (h *ParkParcel) Run(ctx context.Context, parcel projections.Item, reason error) error {
	parked := events.MessageParked{
		Consumer: CollectionConsumer,
		Stream:   events.StreamGatewayParcels,
		Sequence: parcel.Sequence,
		Subject:  events.GatewayParcelChannel(parcel.PrivateGatewayID),
		EventID:  parcel.AcceptedID,
		Reason:   reason.Error(),
		Attempts: 1,

		PrivateGatewayID: parcel.PrivateGatewayID,
	}
	id := events.DeriveID(string(parked.EventType()), parked.Consumer, parked.Stream, strconv.FormatUint(parked.Sequence, 10))
	e := events.Caused(parcel.Cause(), CollectionConsumer, h.Now(), parked)
	e.ID = id
	if _, err := h.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("park the parcel: %w", err)
	}
	return nil
}
