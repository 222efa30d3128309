package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"awala.network/gateway/events"
)

// toInternet accepts a parcel for an endpoint behind another Internet node. All
// that can be checked of it is its dates and those of the sender's certificate:
// whom the recipient authorises, the destination knows.
func (h *AcceptParcel) toInternet(ctx context.Context, in ingress) (Accepted, error) {
	if err := in.message.CheckTiming(in.at, in.tolerance); err != nil {
		return Accepted{}, refuseMessage(err)
	}
	if err := in.message.CheckSender(in.at); err != nil {
		return Accepted{}, refuseMessage(err)
	}
	if known, err := h.former(ctx, in); err != nil || known.Duplicate {
		return known, err
	}
	accepted := newInternetParcel(in)
	e := in.event(internetParcelID(accepted), accepted)
	result := Accepted{EventID: e.ID, Key: accepted.ParcelKey, ExpiresAt: accepted.ExpiresAt}
	known, _ := h.delivery(ctx, e.ID)
	if result.Duplicate = known; !known {
		var err error
		if result.Duplicate, err = h.store(ctx, in.raw, accepted.ParcelBlob, e); err != nil {
			return Accepted{}, err
		}
		h.followUpDuplicate(ctx, result, accepted.BlobKey)
	}
	h.logAccepted(ctx, in, result)
	return result, nil
}

// lookTimeout bounds the look for an earlier delivery, so that an outage of the
// projection hardly delays what does not depend on it.
const lookTimeout = 500 * time.Millisecond

// delivery tells whether a parcel is known to have been accepted, and whether its
// delivery has ended. What the projection does not know yet, or cannot tell, the
// stream recognises for some minutes, and the delivery queue after that.
func (h *AcceptParcel) delivery(ctx context.Context, acceptedID string) (known, ended bool) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := h.Deliveries.Get(ctx, []string{acceptedID})
	if err != nil {
		h.Logger.WarnContext(ctx, "an earlier delivery of the parcel cannot be looked for",
			"event_id", acceptedID, "error", err)
		return false, false
	}
	d, known := found[acceptedID]
	return known, known && !d.State.State.Open()
}

// followUpDuplicate removes the blob of a parcel that was accepted before, whose
// delivery ended before we stored it again: its deletion came too early for that.
func (h *AcceptParcel) followUpDuplicate(ctx context.Context, result Accepted, blobKey string) {
	if !result.Duplicate {
		return
	}
	if _, ended := h.delivery(ctx, result.EventID); !ended {
		return // the end deletes it
	}
	if err := h.Ended.delete(ctx, blobKey); err != nil {
		h.Logger.WarnContext(ctx, "blob of an ended parcel is left to expire", "event_id", result.EventID, "error", err)
	}
}

// former recognises a parcel that a gateway which this one took over had accepted.
func (h *AcceptParcel) former(ctx context.Context, in ingress) (Accepted, error) {
	if h.Former == nil {
		return Accepted{}, nil
	}
	known, err := h.Former.Known(ctx, in.source, in.key())
	if errors.Is(err, io.EOF) {
		return Accepted{}, nil
	}
	if err != nil {
		return Accepted{}, fmt.Errorf("look for what was accepted before the takeover: %w", err)
	}
	result := Accepted{EventID: known.ID, Key: in.key(), Duplicate: true, ExpiresAt: in.message.ExpiresAt()}
	h.logAccepted(ctx, in, result)
	return result, nil
}

func newInternetParcel(in ingress) events.InternetParcelAccepted {
	key := in.key()
	return events.InternetParcelAccepted{
		ParcelKey:       key,
		ParcelBlob:      in.blob(endpointBound, in.source, key.SenderID, key.RecipientID),
		Destination:     destination(in.message.Recipient.InternetAddress),
		SourceGatewayID: in.source,
		Via:             in.via,
	}
}

// internetParcelID is the event's id, from the gateway that handed the parcel in
// and the octets.
func internetParcelID(p events.InternetParcelAccepted) string {
	return events.DeriveID(string(p.EventType()), p.SourceGatewayID, p.Hash(), p.SHA256)
}
