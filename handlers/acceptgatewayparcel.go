package handlers

import (
	"context"
	"fmt"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// minPathLen is the number of certificates on the path of a parcel to a private
// endpoint: its delivery authorisation, the endpoint, the private gateway and us.
const minPathLen = 4

// maxGatewayParcelLen bounds parcels for private endpoints, in octets: RS-000
// allows no longer ones, no cargo can carry them, and the JavaScript library
// refuses them wherever they come from. A sender is better told at once.
const maxGatewayParcelLen = cargo.MaxWrittenItemLen

// maxOpenVersions bounds the versions of one parcel that wait for their end, so
// that a sender who replaces its parcel over and over cannot grow the mailbox.
const maxOpenVersions = 64

// toPrivateGateway accepts a parcel for an endpoint behind one of our private
// gateways.
func (h *AcceptParcel) toPrivateGateway(ctx context.Context, in ingress) (Accepted, error) {
	gatewayID, err := h.authorize(in)
	if err != nil {
		return Accepted{}, err
	}
	accepted := newGatewayParcel(in, gatewayID)
	e := in.event(gatewayParcelID(accepted), accepted)
	result := Accepted{EventID: e.ID, Key: accepted.ParcelKey, GatewayID: gatewayID, ExpiresAt: accepted.ExpiresAt}
	known, err := h.Mailbox.Find(ctx, gatewayID, accepted.ParcelKey)
	if err != nil {
		return Accepted{}, fmt.Errorf("look for duplicates: %w", err)
	}
	if result.Duplicate = known.Version(e.ID) != nil; result.Duplicate {
		// If it has ended, an earlier attempt may have stored it anew and broken off.
		h.logLeftOver(ctx, result, h.Ended.unneeded(ctx, known, accepted.BlobKey))
		return result, nil
	}
	if len(known.Superseded()) >= maxOpenVersions {
		return Accepted{}, fmt.Errorf("%d replaced versions of this parcel wait for their end", maxOpenVersions)
	}
	// What a courier brought was acknowledged already.
	if in.via != events.ViaCargo {
		if err := h.Limit.Admit(ctx, gatewayID, accepted.Size); err != nil {
			return Accepted{}, err
		}
	}
	if result.Duplicate, err = h.store(ctx, in.raw, accepted.ParcelBlob, e); err != nil {
		return Accepted{}, err
	}
	h.logAccepted(ctx, in, result)
	h.followUp(ctx, in, accepted, known, result)
	return result, nil
}

// authorize returns the private gateway that serves the recipient, if the parcel
// is valid now and the recipient lets the sender write to it.
func (h *AcceptParcel) authorize(in ingress) (gatewayID string, err error) {
	if len(in.raw) > maxGatewayParcelLen {
		return "", refuse(Invalid, fmt.Sprintf(
			"%d octets are too many: a parcel for a private endpoint has at most %d", len(in.raw), maxGatewayParcelLen), nil)
	}
	if err := in.message.CheckTiming(in.at, in.tolerance); err != nil {
		return "", refuseMessage(err)
	}
	path, err := in.message.Authorize(h.Identity.Validator(), in.at)
	if err != nil {
		return "", refuseMessage(err)
	}
	if len(path) < minPathLen {
		return "", refuse(Invalid, "the recipient is no endpoint behind a private gateway of ours", nil)
	}
	return path[len(path)-2].SubjectID(), nil
}

func newGatewayParcel(in ingress, gatewayID string) events.GatewayParcelAccepted {
	key := in.key()
	return events.GatewayParcelAccepted{
		ParcelKey:        key,
		ParcelBlob:       in.blob(gatewayBound, gatewayID, key.RecipientID, key.SenderID),
		PrivateGatewayID: gatewayID,
		SourceGatewayID:  in.source,
		Via:              in.via,
	}
}

// gatewayParcelID is the event's id. Different octets under one key are different
// versions; the same octets are the same version, whichever way they come in.
func gatewayParcelID(p events.GatewayParcelAccepted) string {
	return events.DeriveID(string(p.EventType()), p.PrivateGatewayID, p.Hash(), p.SHA256)
}

// followUp does what can be done at once about what the accepted parcel
// changed. It is no part of accepting: ReplaceParcels and the blob's expiry see
// to it otherwise.
func (h *AcceptParcel) followUp(
	ctx context.Context, in ingress, accepted events.GatewayParcelAccepted, known projections.Parcel, result Accepted,
) {
	var err error
	if item, ok := superseded(known, accepted, in, result); ok && !result.Duplicate {
		_, err = h.Log.Append(ctx, replaced(item, string(in.via), in.at))
	} else if result.Duplicate {
		// It was accepted while we looked, and may have ended since: then our
		// blob came too late for its deletion.
		err = h.Ended.gatewayBlob(ctx, accepted.PrivateGatewayID, accepted.ParcelKey, accepted.BlobKey)
	}
	h.logLeftOver(ctx, result, err)
}

// logLeftOver says what housekeeping will have to do. It is no part of accepting, so it
// is never an error.
func (h *AcceptParcel) logLeftOver(ctx context.Context, result Accepted, err error) {
	if err != nil {
		h.Logger.WarnContext(ctx, "follow-up of an accepted parcel is left to housekeeping",
			"event_id", result.EventID, "private_gateway_id", result.GatewayID, "error", err)
	}
}

// superseded returns the version that is of no use since the parcel was accepted: the
// one that was queued, or the parcel itself if a newer one came before it.
func superseded(
	known projections.Parcel, accepted events.GatewayParcelAccepted, in ingress, result Accepted,
) (projections.Item, bool) {
	if newer := known.NewerThan(accepted.CreatedAt, in.at); newer != nil {
		e := in.event(result.EventID, accepted)
		return projections.Item{
			Key: accepted.ParcelKey, PrivateGatewayID: accepted.PrivateGatewayID,
			Version: projections.Version{
				AcceptedID: e.ID, CorrelationID: e.CorrelationID, TraceParent: e.TraceParent,
				SourceGatewayID: accepted.SourceGatewayID, ParcelBlob: accepted.ParcelBlob, SupersededBy: newer.AcceptedID,
			},
		}, true
	}
	item, ok := known.QueuedItem()
	item.SupersededBy = result.EventID
	return item, ok
}

func (h *AcceptParcel) logAccepted(ctx context.Context, in ingress, a Accepted) {
	h.Logger.InfoContext(ctx, "parcel accepted", "parcel_id", a.Key.ParcelID, "event_id", a.EventID,
		"private_gateway_id", a.GatewayID, "via", in.via, "duplicate", a.Duplicate)
}
