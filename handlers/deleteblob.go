package handlers

import (
	"context"
	"fmt"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// DeleteBlob removes the blob of a parcel or cargo that has ended. The event that
// ended it is durable before, so nobody needs the blob any more.
//
// A failure leaves the blob behind, until the event is handled again or the blob
// expires. Running twice is safe: deleting what is not there succeeds, and a blob
// that a queued parcel names again is left alone.
type DeleteBlob struct {
	Mailbox Mailbox
	Blobs   BlobDeleter
}

// Handle removes the blob that a final event names. Other events are none of its
// business: it does nothing.
func (h *DeleteBlob) Handle(ctx context.Context, e events.Event) error {
	switch data := e.Data.(type) {
	case events.GatewayParcelCollected:
		return h.gatewayParcel(ctx, data.GatewayParcelEnd)
	case events.GatewayParcelExpired:
		return h.gatewayParcel(ctx, data.GatewayParcelEnd)
	case events.GatewayParcelReplaced:
		return h.gatewayParcel(ctx, data.GatewayParcelEnd)
	case events.GatewayParcelDropped:
		return h.gatewayParcel(ctx, data.GatewayParcelEnd)
	case events.InternetParcelDelivered:
		return h.delete(ctx, data.BlobKey)
	case events.InternetParcelRefused:
		return h.delete(ctx, data.BlobKey)
	case events.InternetParcelExpired:
		return h.delete(ctx, data.BlobKey)
	case events.InternetParcelDropped:
		return h.delete(ctx, data.BlobKey)
	case events.CargoUnwrapped:
		return h.delete(ctx, data.BlobKey)
	case events.CargoRefused:
		return h.delete(ctx, data.BlobKey)
	default:
		return nil
	}
}

func (h *DeleteBlob) gatewayParcel(ctx context.Context, ended events.GatewayParcelEnd) error {
	return h.gatewayBlob(ctx, ended.PrivateGatewayID, ended.ParcelKey, ended.BlobKey)
}

// gatewayBlob deletes a blob unless an open version of the parcel names it. The
// keys follow from the content, so an end that is recorded again, after so many
// versions that the mailbox forgot the first, may name the blob of a new life.
func (h *DeleteBlob) gatewayBlob(ctx context.Context, gatewayID string, key events.ParcelKey, blobKey string) error {
	parcel, err := h.Mailbox.Find(ctx, gatewayID, key)
	if err != nil {
		return fmt.Errorf("delete a blob: %w", err)
	}
	return h.unneeded(ctx, parcel, blobKey)
}

// unneeded deletes a blob unless an open version of the parcel names it.
func (h *DeleteBlob) unneeded(ctx context.Context, parcel projections.Parcel, blobKey string) error {
	for i := range parcel.Versions {
		if v := &parcel.Versions[i]; v.Open() && v.BlobKey == blobKey {
			return nil
		}
	}
	return h.delete(ctx, blobKey)
}

func (h *DeleteBlob) delete(ctx context.Context, blobKey string) error {
	if err := h.Blobs.Delete(ctx, blobKey); err != nil {
		return fmt.Errorf("delete a blob: %w", err)
	}
	return nil
}
