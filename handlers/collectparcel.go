package handlers

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// CollectParcel records that a private gateway acknowledged a parcel. When it
// returns nil, the event is durable, and the parcel is never handed out again.
//
// A failure leaves the event recorded or not; the private gateway gets the
// parcel again or it does not. Running twice is safe: the event's id follows
// from the version, and the mailbox counts a version's first end only.
type CollectParcel struct {
	Mailbox Mailbox
	Log     Appender
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Acknowledged ends the version that was handed out to the private gateway and
// acknowledged by it on the same connection. A newer version that came in
// meanwhile stays.
func (h *CollectParcel) Acknowledged(ctx context.Context, item projections.Item, via events.Ingress) error {
	_, err := h.Log.Append(ctx, collected(item, via, item.Cause(), h.Now()))
	if err != nil {
		return fmt.Errorf("record the collection of a parcel: %w", err)
	}
	return nil
}

// AcknowledgedInCargo ends what a parcel collection acknowledgement (PCA) from
// the private gateway names. A PCA names the key alone, so it is taken to mean the
// version that is queued, provided that it was accepted before the cargo was
// received: what came later, it cannot mean. It tells whether there was one; if
// not, the PCA is a repetition or nonsense, and nothing happens.
//
// cause is the CargoReceived.
func (h *CollectParcel) AcknowledgedInCargo(
	ctx context.Context, gatewayID string, key events.ParcelKey, cause events.Event,
) (bool, error) {
	if !pki.ValidNodeID(gatewayID) || !pki.ValidNodeID(key.SenderID) || !pki.ValidNodeID(key.RecipientID) {
		return false, refuse(Invalid, "an id in the acknowledgement is no node id", nil)
	}
	parcel, err := h.Mailbox.Find(ctx, gatewayID, key)
	if err != nil {
		return false, fmt.Errorf("find the acknowledged parcel: %w", err)
	}
	item, ok := parcel.QueuedItem()
	if !ok || !item.AcceptedAt.Before(cause.Time) {
		return false, nil
	}
	if _, err := h.Log.Append(ctx, collected(item, events.ViaCargo, cause, h.Now())); err != nil {
		return false, fmt.Errorf("record the collection of a parcel: %w", err)
	}
	return true, nil
}

func collected(item projections.Item, via events.Ingress, cause events.Event, at time.Time) events.Event {
	return ended(item, string(via), cause, at, events.GatewayParcelCollected{GatewayParcelEnd: item.End(), Via: via})
}

// ended returns the event that ends a version. Its id follows from the version
// and the kind of end, whatever caused it.
func ended(item projections.Item, source string, cause events.Event, at time.Time, data events.Data) events.Event {
	e := events.Caused(cause, source, at, data)
	e.ID = events.DeriveID(item.AcceptedID, string(data.EventType()))
	return e
}
