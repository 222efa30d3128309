package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/projections"
)

// TakeOver records what waits at another gateway whose place this one takes: its
// parcels and cargoes, under the events and keys that they would have got here; and
// the end of what has ended there meanwhile.
//
// The other gateway had accepted all of it, so nothing is turned away for a
// certificate that expired since: what cannot be read and what has expired is
// refused, and nothing else.
//
// Running anything twice is safe: ids and keys follow from the octets.
type TakeOver struct {
	Blobs BlobPutter
	Log   Appender
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// FormerItem is a parcel or cargo that waits at the other gateway.
type FormerItem struct {
	// Event is what is to be recorded of it.
	Event events.Event
	// BlobKey and SHA256 are those of its octets here.
	BlobKey, SHA256 string

	raw  []byte
	meta blobs.Meta
}

// Is tells whether these are the item's octets.
func (f FormerItem) Is(octets []byte) bool { return digest(octets) == f.SHA256 }

// FormerParcelKey is the key of a parcel's object there: gateway is the private
// gateway that it is for or from, first and second are the endpoints in the order
// of the key, ParcelIDSHA256 stands for the parcel's id.
type FormerParcelKey struct {
	GatewayID, First, Second, ParcelIDSHA256 string
}

// Prefixes of the parcels' objects there, which are those of the blobs here.
const (
	FormerGatewayBound  = gatewayBound + "/"
	FormerEndpointBound = endpointBound + "/"
)

// ParseFormerParcelKey takes a key apart. The error is a [Refusal].
func ParseFormerParcelKey(key, prefix string) (FormerParcelKey, error) {
	rest, found := strings.CutPrefix(key, prefix)
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 4 {
		return FormerParcelKey{}, refuse(Malformed, "the object's key is none of a parcel", nil)
	}
	k := FormerParcelKey{GatewayID: parts[0], First: parts[1], Second: parts[2], ParcelIDSHA256: parts[3]}
	if !pki.ValidNodeID(k.GatewayID) {
		return FormerParcelKey{}, refuse(Malformed, "the object's key names no private gateway", nil)
	}
	return k, nil
}

// FormerKey returns the key that the object of a gateway-bound parcel has there.
func FormerKey(gatewayID string, key events.ParcelKey) string {
	return FormerGatewayBound + strings.Join([]string{gatewayID, key.RecipientID, key.SenderID, digest([]byte(key.ParcelID))}, "/")
}

// FormerInternetKey returns the key that the object of an Internet-bound parcel has
// there, without its prefix, as the queue there names it.
func FormerInternetKey(gatewayID string, key events.ParcelKey) string {
	return strings.Join([]string{gatewayID, key.SenderID, key.RecipientID, digest([]byte(key.ParcelID))}, "/")
}

// GatewayParcel examines the object of a parcel for one of our private gateways. The
// error is a [Refusal].
func (h *TakeOver) GatewayParcel(key string, raw []byte) (FormerItem, error) {
	k, err := ParseFormerParcelKey(key, FormerGatewayBound)
	if err != nil {
		return FormerItem{}, err
	}
	in, err := h.parcel(raw)
	if err != nil {
		return FormerItem{}, err
	}
	if FormerKey(k.GatewayID, in.key()) != key {
		return FormerItem{}, refuse(Malformed, "the parcel is another than the object's key says", nil)
	}
	accepted := newGatewayParcel(in, k.GatewayID)
	return in.former(gatewayParcelID(accepted), accepted, accepted.ParcelBlob), nil
}

// InternetParcel examines the object of a parcel for another Internet node. The error
// is a [Refusal].
func (h *TakeOver) InternetParcel(key string, raw []byte) (FormerItem, error) {
	k, err := ParseFormerParcelKey(key, FormerEndpointBound)
	if err != nil {
		return FormerItem{}, err
	}
	in, err := h.parcel(raw)
	if err != nil {
		return FormerItem{}, err
	}
	switch {
	case FormerEndpointBound+FormerInternetKey(k.GatewayID, in.key()) != key:
		return FormerItem{}, refuse(Malformed, "the parcel is another than the object's key says", nil)
	case in.message.Recipient.InternetAddress == "":
		return FormerItem{}, refuse(Malformed, "the parcel names no Internet address", nil)
	}
	in.source = k.GatewayID
	accepted := newInternetParcel(in)
	return in.former(internetParcelID(accepted), accepted, accepted.ParcelBlob), nil
}

// parcel reads a parcel, which must not have expired.
func (h *TakeOver) parcel(raw []byte) (ingress, error) {
	m, err := parseParcel(raw)
	if err != nil {
		return ingress{}, err
	}
	in := ingress{message: m, raw: raw, via: events.ViaTakeover, at: h.Now()}
	if in.at.After(m.ExpiresAt()) {
		return ingress{}, refuseMessage(ramf.ErrExpired)
	}
	if !pki.ValidNodeID(m.SenderID()) {
		return ingress{}, refuse(Malformed, "the sender's id is no node id", nil)
	}
	return in, nil
}

func (in ingress) former(id string, data events.Data, blob events.ParcelBlob) FormerItem {
	return FormerItem{
		Event: in.event(id, data), BlobKey: blob.BlobKey, SHA256: blob.SHA256, raw: in.raw,
		meta: blobs.Meta{ExpiresAt: blob.ExpiresAt, ContentType: parcelContentType},
	}
}

// Cargo examines a cargo that waits to be unwrapped there. The error is a [Refusal].
// Whether it is valid was decided when it was received.
func (h *TakeOver) Cargo(raw []byte, nodeID string) (FormerItem, error) {
	m, err := ramf.Parse(raw)
	if err != nil {
		return FormerItem{}, refuseMessage(err)
	}
	switch {
	case m.Type != ramf.TypeCargo:
		return FormerItem{}, refuse(Malformed, fmt.Sprintf("a %s is no cargo", m.Type), nil)
	case m.Recipient.ID != nodeID:
		return FormerItem{}, refuse(Misdirected, "the recipient is another node", nil)
	case !pki.ValidNodeID(m.SenderID()):
		return FormerItem{}, refuse(Malformed, "the sender's id is no node id", nil)
	}
	data, now := newCargoReceived(m, raw), h.Now()
	return FormerItem{
		Event:   events.New(cargoReceivedID(data), string(events.ViaTakeover), now, data),
		BlobKey: data.BlobKey, SHA256: data.SHA256, raw: raw,
		meta: blobs.Meta{ExpiresAt: latest(data.ExpiresAt, now.Add(cargoKept)), ContentType: cargoContentType},
	}, nil
}

// Record stores the item and records it; both are durable on return. Errors are
// transient.
func (h *TakeOver) Record(ctx context.Context, item FormerItem) (events.Position, error) {
	if err := h.Blobs.Put(ctx, item.BlobKey, item.raw, item.meta); err != nil {
		return events.Position{}, fmt.Errorf("store what is taken over: %w", err)
	}
	return h.append(ctx, item.Event)
}

// Collected records that the private gateway got a parcel from the other gateway.
func (h *TakeOver) Collected(ctx context.Context, item projections.Item) (events.Record, error) {
	return h.appended(ctx, collected(item, events.ViaTakeover, item.Cause(), h.Now()))
}

// Delivered records that the other gateway dealt with an Internet-bound parcel, one
// way or the other.
func (h *TakeOver) Delivered(ctx context.Context, d *projections.Delivery) (events.Record, error) {
	e := events.Caused(d.Cause(), string(events.ViaTakeover), h.Now(), events.InternetParcelDropped{
		InternetParcelRef: d.Ref, Reason: endedThere, By: string(events.ViaTakeover),
	})
	e.ID = events.InternetParcelEndID(d.Ref.AcceptedID)
	return h.appended(ctx, e)
}

// Unwrapped records that the other gateway unwrapped a cargo.
func (h *TakeOver) Unwrapped(ctx context.Context, received events.Event, data events.CargoReceived) (events.Record, error) {
	return h.appended(ctx, events.Caused(received, string(events.ViaTakeover), h.Now(), events.CargoRefused{
		CargoRef: refOf(received, data), Reason: endedThere,
	}))
}

const endedThere = "the gateway that was taken over dealt with it"

// Known records that the other gateway had accepted an Internet-bound parcel.
func (h *TakeOver) Known(ctx context.Context, data events.InternetParcelKnown) (events.Record, error) {
	id := events.DeriveID(string(data.EventType()), data.PrivateGatewayID, data.ParcelHash)
	return h.appended(ctx, events.New(id, string(events.ViaTakeover), h.Now(), data))
}

// Due records that a private gateway is to be sent acknowledgements which the other
// gateway owed it.
func (h *TakeOver) Due(ctx context.Context, data events.AcknowledgementsDue) (events.Record, error) {
	parts := []string{string(data.EventType()), data.PrivateGatewayID}
	for _, p := range data.Parcels {
		parts = append(parts, p.Hash())
	}
	return h.appended(ctx, events.New(events.DeriveID(parts...), string(events.ViaTakeover), h.Now(), data))
}

// Fulfilled records that the other gateway had answered a cargo collection
// authorisation. It tells whether that was news.
func (h *TakeOver) Fulfilled(ctx context.Context, log ConditionalLog, data events.CargoCollectionFulfilled) (bool, error) {
	id := events.DeriveID(string(data.EventType()), data.PrivateGatewayID, data.AuthorizationID)
	_, err := log.AppendAfter(ctx, events.New(id, string(events.ViaTakeover), h.Now(), data), 0)
	if errors.Is(err, events.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("record what was taken over: %w", err)
	}
	return true, nil
}

func (h *TakeOver) append(ctx context.Context, e events.Event) (events.Position, error) {
	position, err := h.Log.Append(ctx, e)
	if err != nil {
		return position, fmt.Errorf("record what was taken over: %w", err)
	}
	return position, nil
}

// appended is append that returns the record as it stands in the history now.
func (h *TakeOver) appended(ctx context.Context, e events.Event) (events.Record, error) {
	position, err := h.append(ctx, e)
	return events.Record{Event: e, Stream: position.Stream, Sequence: position.Sequence, Subject: e.Data.Channel()}, err
}
