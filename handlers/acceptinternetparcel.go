package handlers

import (
	"context"

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
	accepted := newInternetParcel(in)
	e := in.event(internetParcelID(accepted), accepted)
	duplicate, err := h.store(ctx, in.raw, accepted.ParcelBlob, e)
	if err != nil {
		return Accepted{}, err
	}
	result := Accepted{EventID: e.ID, Key: accepted.ParcelKey, Duplicate: duplicate, ExpiresAt: accepted.ExpiresAt}
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
