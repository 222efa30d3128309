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
// A parcel that ended between its being listed and its being read is not parked:
// another connection, or another process, handed it out, and its blob went with it.
//
// Running twice says the same thing twice: the event's id depends on the parcel's
// position alone.
type ParkParcel struct {
	Mailbox Mailbox
	Log     Appender
	Now     func() time.Time
}

// Run records the parcel, durably when it returns true; it returns false if the parcel
// has ended. Errors are transient.
func (h *ParkParcel) Run(ctx context.Context, parcel projections.Item, reason error) (parked bool, err error) {
	known, err := h.Mailbox.Find(ctx, parcel.PrivateGatewayID, parcel.Key)
	if err != nil {
		return false, fmt.Errorf("park the parcel: %w", err)
	}
	if v := known.Version(parcel.AcceptedID); v == nil || !v.Open() {
		return false, nil
	}
	if _, err := h.Log.Append(ctx, h.event(parcel, reason)); err != nil {
		return false, fmt.Errorf("park the parcel: %w", err)
	}
	return true, nil
}

func (h *ParkParcel) event(parcel projections.Item, reason error) events.Event {
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
	return e
}
