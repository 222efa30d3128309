package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/projections"
)

// BlobStater looks for blobs.
type BlobStater interface {
	// Stat describes a blob; blobs.ErrNotFound says that there is none.
	Stat(ctx context.Context, key string) (blobs.Info, error)
}

// replayed is why a parcel is hastened that was parked.
var replayed = events.Operation{Reason: "replayed after it was parked"}

var errNoParcel = fault.Permanent(errors.New("this event is no accepted parcel"))

// HastenGatewayParcel is the replay of a parcel that could not be handed to its
// private gateway. The parcel is queued still: once its octets are back, those who are
// collecting at the moment are given it again, and others at their next collection.
//
// A failure leaves it queued. Running twice hands it out once more, unless it was
// acknowledged meanwhile.
type HastenGatewayParcel struct {
	Mailbox Mailbox
	Blobs   BlobStater
	Log     Appender
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Handle hastens the parcel of a GatewayParcelAccepted. It is nil, too, if the parcel
// has ended another way.
func (h *HastenGatewayParcel) Handle(ctx context.Context, r events.Record) error {
	accepted, ok := r.Data.(events.GatewayParcelAccepted)
	if !ok {
		return errNoParcel
	}
	parcel, err := h.Mailbox.Find(ctx, accepted.PrivateGatewayID, accepted.ParcelKey)
	if err != nil {
		return fmt.Errorf("find the parked parcel: %w", err)
	}
	if v := parcel.Version(r.ID); v == nil || v.State != projections.Queued {
		return nil
	}
	if _, err := h.Blobs.Stat(ctx, accepted.BlobKey); err != nil {
		return fmt.Errorf("the parcel's octets: %w", err)
	}
	e := events.Caused(r.Event, operator, h.Now(), events.GatewayParcelHastened{
		ParcelKey: accepted.ParcelKey, PrivateGatewayID: accepted.PrivateGatewayID,
		SourceGatewayID: accepted.SourceGatewayID, AcceptedID: r.ID, Sequence: r.Sequence, Operation: replayed,
	}, h.Now().UTC().Format(time.RFC3339Nano))
	if _, err := h.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("record that the parcel is hastened: %w", err)
	}
	return nil
}

// KnownDeliveries reads the projection of deliveries (see
// [projections.DeliveryReader]).
type KnownDeliveries interface {
	// Get returns what the projection knows by now; ids that it does not know are left
	// out. It may be behind the history.
	Get(ctx context.Context, ids []string) (map[string]projections.Stored[projections.Delivery], error)
}

// errNotFolded means that the projection was not rebuilt since the event can be read.
var errNotFolded = errors.New("the projection of deliveries has passed it by: rebuild it first (projections rebuild deliveries)")

// HastenInternetParcel is the replay of a parcel whose InternetParcelAccepted could not
// be read. Once this version can, and the projection of deliveries was rebuilt with it,
// whoever delivers is told to attempt it at once.
//
// Running twice does nothing the second time.
type HastenInternetParcel struct {
	Deliveries KnownDeliveries
	Queue      *OperateQueue
}

// Handle hastens the parcel of an InternetParcelAccepted. It is nil, too, if the
// delivery has ended meanwhile.
func (h *HastenInternetParcel) Handle(ctx context.Context, r events.Record) error {
	if _, ok := r.Data.(events.InternetParcelAccepted); !ok {
		return errNoParcel
	}
	known, err := h.Deliveries.Get(ctx, []string{r.ID})
	if err != nil {
		return fmt.Errorf("find the parked delivery: %w", err)
	}
	d, ok := known[r.ID]
	switch {
	case !ok:
		return errNotFolded
	case !d.State.State.Open():
		return nil
	}
	return h.Queue.Hasten(ctx, d.State, replayed)
}
