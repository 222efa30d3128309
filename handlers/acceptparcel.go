package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
)

// How far ahead of ours a creation date may be. RS-000 ("Clock Drift Tolerance")
// asks for up to two hours where a private node is involved. An Internet node has
// a clock of good quality, but the parcel that it forwards may come from a private
// node next to it, so some minutes are granted.
const (
	privateTolerance  = 2 * time.Hour
	internetTolerance = 5 * time.Minute
)

// parcelContentType is the media type of serialised parcels (RS-007).
const parcelContentType = "application/vnd.awala.parcel"

// AcceptParcel takes in parcels: it validates, recognises duplicates, stores the
// blob, records the event, and returns once both are durable. Parcels for
// endpoints behind our private gateways become GatewayParcelAccepted, others
// InternetParcelAccepted.
//
// A refused parcel leaves nothing behind. A failure may leave the blob behind, or
// the blob and the event; then the sender does not know and sends again. Running
// twice is safe: the blob's key and the event's id follow from the parcel's
// octets and destination, so the second run finds the parcel accepted already.
type AcceptParcel struct {
	Identity Identity
	Mailbox  Mailbox
	Blobs    BlobPutter
	Log      Appender
	// Deliveries recognises parcels to other Internet nodes that were accepted before.
	Deliveries KnownDeliveries
	// Former knows what was accepted before a takeover; nil if there was none.
	Former KnownParcels
	// Limit bounds what is queued for one private gateway; nil is no limit.
	Limit *MailboxLimit
	// Ended removes a blob that was stored again after its parcel had ended.
	Ended *DeleteBlob
	// Logger is told of accepted parcels, and of follow-up work that failed.
	Logger *slog.Logger
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Accepted says what became of an accepted parcel.
type Accepted struct {
	// EventID is the id of the event that recorded, now or earlier, that the
	// parcel was accepted.
	EventID string
	// Key is the parcel's natural key.
	Key events.ParcelKey
	// GatewayID is the private gateway that the parcel waits for; "" when it is
	// bound for another Internet node.
	GatewayID string
	// Duplicate tells that these very octets were accepted before; nothing new
	// will be delivered.
	Duplicate bool
	// ExpiresAt is the last instant at which the parcel is valid.
	ExpiresAt time.Time
}

// FromInternet accepts a parcel that came by PoHTTP (RS-007). It must be for an
// endpoint behind one of our private gateways, whatever Internet address it
// names. The error is a [Refusal], permanent, or transient; it wraps
// blobs.ErrFull when there is no room.
func (h *AcceptParcel) FromInternet(ctx context.Context, raw []byte) (Accepted, error) {
	m, err := parseParcel(raw)
	if err != nil {
		return Accepted{}, err
	}
	in := ingress{message: m, raw: raw, via: events.ViaPoHTTP, tolerance: internetTolerance, at: h.Now()}
	return h.toPrivateGateway(ctx, in)
}

// FromPrivateGateway accepts a parcel that the private gateway gatewayID handed
// in, by PoWeb or in a cargo. It goes to another Internet node if it names one,
// otherwise to one of our private gateways. cause is the event that it follows
// from, such as a CargoReceived, or nil. For errors see FromInternet.
func (h *AcceptParcel) FromPrivateGateway(
	ctx context.Context, raw []byte, gatewayID string, via events.Ingress, cause *events.Event,
) (Accepted, error) {
	m, err := parseParcel(raw)
	if err != nil {
		return Accepted{}, err
	}
	if !pki.ValidNodeID(gatewayID) {
		return Accepted{}, refuse(Invalid, "the private gateway's id is no node id", nil)
	}
	in := ingress{
		message: m, raw: raw, source: gatewayID, via: via, cause: cause, tolerance: privateTolerance, at: h.Now(),
	}
	if h.isOurs(m.Recipient.InternetAddress) {
		return h.toPrivateGateway(ctx, in)
	}
	return h.toInternet(ctx, in)
}

// ingress is a parcel on its way in.
type ingress struct {
	message   *ramf.Message
	raw       []byte
	source    string // the private gateway that handed it in, or ""
	via       events.Ingress
	cause     *events.Event // or nil
	tolerance time.Duration
	at        time.Time
}

func parseParcel(raw []byte) (*ramf.Message, error) {
	m, err := ramf.Parse(raw)
	if err != nil {
		return nil, refuseMessage(err)
	}
	switch {
	case m.Type != ramf.TypeParcel:
		return nil, refuse(Malformed, fmt.Sprintf("a %s is no parcel", m.Type), nil)
	case !pki.ValidNodeID(m.Recipient.ID):
		return nil, refuse(Malformed, "the recipient's id is no node id", nil)
	}
	return m, nil
}

// isOurs tells whether an Internet address is this gateway's, as it is when none
// is given.
func (h *AcceptParcel) isOurs(address string) bool {
	return address == "" || destination(address) == destination(h.Identity.InternetAddress())
}

// destination returns the form that two spellings of a domain name share.
func destination(address string) string { return strings.ToLower(strings.TrimSuffix(address, ".")) }

func (in ingress) key() events.ParcelKey {
	return events.ParcelKey{
		SenderID: in.message.SenderID(), RecipientID: in.message.Recipient.ID, ParcelID: in.message.ID,
	}
}

// event returns the event that records the parcel, under an id that the octets
// and the gateway determine.
func (in ingress) event(id string, data events.Data) events.Event {
	e := events.New(id, string(in.via), in.at, data)
	if in.cause != nil {
		e.CausationID, e.CorrelationID, e.TraceParent = in.cause.ID, in.cause.CorrelationID, in.cause.TraceParent
	}
	return e
}

// store puts the blob and appends the event. It tells whether the event had been
// recorded before.
func (h *AcceptParcel) store(ctx context.Context, raw []byte, blob events.ParcelBlob, e events.Event) (bool, error) {
	meta := blobs.Meta{ExpiresAt: blob.ExpiresAt, ContentType: parcelContentType}
	if err := h.Blobs.Put(ctx, blob.BlobKey, raw, meta); err != nil {
		return false, fmt.Errorf("store the parcel: %w", err)
	}
	position, err := h.Log.Append(ctx, e)
	if err != nil {
		return false, fmt.Errorf("record the parcel: %w", err)
	}
	return position.Duplicate, nil
}
