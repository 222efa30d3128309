package handlers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/tracing"
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
	// Arrivals hears of collected parcels; nil if nobody is to.
	Arrivals Arrivals
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Acknowledged ends the version that was handed out to the private gateway and
// acknowledged by it on the same connection. A newer version that came in
// meanwhile stays.
func (h *CollectParcel) Acknowledged(ctx context.Context, item projections.Item, via events.Ingress) error {
	return h.record(ctx, item, via, item.Cause())
}

// record records the end of the version.
func (h *CollectParcel) record(ctx context.Context, item projections.Item, via events.Ingress, cause events.Event) error {
	e := collected(item, via, cause, h.Now())
	position, err := h.Log.Append(ctx, e)
	if err != nil {
		return fmt.Errorf("record the collection of a parcel: %w", err)
	}
	if h.Arrivals != nil && !position.Duplicate {
		h.Arrivals.Arrived(ctx, item.Via, via, e.Time.Sub(item.AcceptedAt))
	}
	return nil
}

// AcknowledgingCargo is the cargo with which a private gateway acknowledges parcels.
type AcknowledgingCargo struct {
	// GatewayID is its sender, Received its CargoReceived.
	GatewayID string
	Received  events.Event
	// OurKeyID identifies the session key of ours that it is encrypted to.
	OurKeyID string
	// Prepared are the cargoes for that private gateway.
	Prepared *projections.PreparedCargoes
}

// AcknowledgedInCargo ends what a parcel collection acknowledgement (PCA) from a
// private gateway names. A PCA names the key alone, so it is taken to mean the
// version that is queued, provided that the private gateway can have had that one
// when it wrote the PCA: see docs/adr/0011-what-a-pca-means.md. A gateway that this one
// took over may have handed out what waited there. It tells whether there was one; if
// not, the PCA is a repetition, means an earlier version, or is nonsense, and nothing
// happens.
func (h *CollectParcel) AcknowledgedInCargo(ctx context.Context, key events.ParcelKey, in AcknowledgingCargo) (bool, error) {
	if !pki.ValidNodeID(in.GatewayID) || !pki.ValidNodeID(key.SenderID) || !pki.ValidNodeID(key.RecipientID) {
		return false, refuse(Invalid, "an id in the acknowledgement is no node id", nil)
	}
	parcel, err := h.Mailbox.Find(ctx, in.GatewayID, key)
	if err != nil {
		return false, fmt.Errorf("find the acknowledged parcel: %w", err)
	}
	item, ok := parcel.QueuedItem()
	if !ok || !item.AcceptedAt.Before(in.Received.Time) {
		return false, nil
	}
	only := len(parcel.Versions) == 1
	if had, err := in.had(ctx, item, only); err != nil || !had && !(only && item.Via == events.ViaTakeover) {
		return false, err
	}
	// The parcel's trace, not the cargo's, comes to its end.
	ctx, span := tracing.Follow(ctx, item.TraceParent, "collected in cargo")
	err = h.record(ctx, item, events.ViaCargo, in.Received)
	tracing.End(span, err)
	return err == nil, err
}

// had tells whether the private gateway can have had a version when it wrote the
// cargo. The version was in a cargo by the time that this one was received. If it is
// not the only one under its key, the private gateway had also read a cargo that is
// no older than one with it: it encrypts to the session key in the newest that it read.
func (in AcknowledgingCargo) had(ctx context.Context, item projections.Item, only bool) (bool, error) {
	with, err := in.Prepared.With(ctx, item.Sequence, in.Received.Time)
	if err != nil {
		return false, fmt.Errorf("look for the acknowledged parcel in cargo: %w", err)
	}
	if len(with) == 0 || only {
		return len(with) > 0, nil
	}
	newest, ok, err := in.Prepared.Carrying(ctx, in.OurKeyID, item.Sequence)
	if err != nil {
		return false, fmt.Errorf("look for the newest cargo that was read: %w", err)
	}
	return ok && slices.ContainsFunc(with, func(c events.CargoPrepared) bool { return !c.CreatedAt.After(newest.CreatedAt) }), nil
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
