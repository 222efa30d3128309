package handlers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// CargoIssuer is the gateway's own identity as far as it writes cargo.
type CargoIssuer interface {
	GatewayIdentity
	// Key is the identity key.
	Key() crypto.Signer
	// Certificate is the own certificate to hand out.
	Certificate() *pki.Certificate
	// IssueFor issues the next certificate of a private gateway.
	IssueFor(privateGateway *rsa.PublicKey) (*pki.Certificate, error)
}

// PendingParcels lists exactly what waits for a private gateway (see
// [projections.Reader]).
type PendingParcels interface {
	// Pending returns at most limit parcels that were accepted after the sequence after
	// and have neither ended nor expired, the oldest first. There is no more when it
	// returns fewer. Errors are transient.
	Pending(ctx context.Context, gatewayID string, after uint64, limit int) ([]projections.Item, error)
}

// UndeliverableReporter hears of parcels that cannot be handed out, now or ever; that one
// has ended meanwhile is for it to find out. It must not block.
type UndeliverableReporter interface {
	// Undeliverable is told again each time that the parcel is passed over.
	Undeliverable(ctx context.Context, parcel projections.Item, reason error)
}

// DueAcknowledgements tells which PCAs a private gateway is to be sent (see
// [projections.Acknowledgements]).
type DueAcknowledgements interface {
	// Due takes every append into account that returned before the call. Errors are
	// transient.
	Due(ctx context.Context, gatewayID string) (projections.Due, error)
}

// CollectionLog is where collections are recorded.
type CollectionLog interface {
	Appender
	ConditionalLog
}

// Claims keeps two calls from using one authorisation at the same time.
type Claims interface {
	// Claim takes a key that nobody has; if somebody has it, ok is false. release
	// gives it back; who dies without doing so loses it after a while.
	Claim(ctx context.Context, key string) (release func(), ok bool, err error)
}

// ErrInUse says that another call is using the cargo collection authorisation. It
// may come to nothing, so trying again later makes sense.
var ErrInUse = errors.New("the cargo collection authorisation is in use")

// CollectCargo hands out cargo for a private gateway to a courier that brings a
// cargo collection authorisation (CCA) from it (RS-008).
//
// Collecting changes nothing for the parcels: they stay queued until the private
// gateway acknowledges them. So a broken collection can be repeated with the same
// CCA. Only when every cargo was acknowledged is the CCA used up, and of any
// number of collections with it exactly one can be the one that did so. A failure
// to record that leaves the CCA unused, or used: then it counts as collected.
type CollectCargo struct {
	Identity CargoIssuer
	Sessions *Sessions
	Parcels  PendingParcels
	Due      DueAcknowledgements
	Blobs    BlobGetter
	Log      CollectionLog
	Claims   Claims
	// Building bounds how many cargoes are written at a time, because of the
	// memory that it takes: a slot for each.
	Building chan struct{}
	// Reporter is told of parcels that cannot be handed out.
	Reporter UndeliverableReporter
	// Logger is told of other items that cannot be handed out, and of collections.
	Logger *slog.Logger
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Begin starts a collection with a serialised CCA. Close it. The error is a
// [Refusal]; it is ErrInUse; or it is transient.
func (h *CollectCargo) Begin(ctx context.Context, cca []byte) (*CargoCollection, error) {
	m, err := h.authenticate(cca)
	if err != nil {
		return nil, err
	}
	cda, err := h.deliveryAuthorization(ctx, m)
	if err != nil {
		return nil, err
	}
	release, err := h.claim(ctx, m)
	if err != nil {
		return nil, err
	}
	c := &CargoCollection{CollectCargo: h, cca: m, cda: cda, release: release, startedAt: h.Now(), gathered: map[string]uint64{}}
	if _, err = h.fulfilment(ctx, m); errors.Is(err, io.EOF) {
		return c, nil
	}
	c.Close()
	if err != nil {
		return nil, fmt.Errorf("look whether the authorisation was used: %w", err)
	}
	return nil, refuse(Used, "the cargo collection authorisation was used before", nil)
}

// authenticate reads a CCA and tells whether one of our private gateways wrote it
// for us.
func (h *CollectCargo) authenticate(cca []byte) (*ramf.Message, error) {
	m, err := ramf.Parse(cca)
	if err != nil {
		return nil, refuseMessage(err)
	}
	if m.Type != ramf.TypeCCA {
		return nil, refuse(Malformed, fmt.Sprintf("a %s is no cargo collection authorisation", m.Type), nil)
	}
	if err := m.CheckTiming(h.Now(), privateTolerance); err != nil {
		return nil, refuseMessage(err)
	}
	return m, fromPrivateGateway(m, h.Identity, h.Now())
}

// deliveryAuthorization opens the CCA and returns the certificate under which cargo
// for its sender is signed. The sender's session key is learnt on the way.
func (h *CollectCargo) deliveryAuthorization(ctx context.Context, cca *ramf.Message) (*pki.Certificate, error) {
	plaintext, _, err := h.Sessions.Open(ctx, cca, nil)
	if channel.IsFinal(err) {
		return nil, refuse(Malformed, "the authorisation cannot be decrypted", err)
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt the authorisation: %w", err)
	}
	request, err := cargo.ParseCollectionRequest(plaintext)
	if err != nil {
		return nil, refuse(Malformed, "the authorisation holds no cargo collection request", err)
	}
	return request.DeliveryAuthorization, h.checkDeliveryAuthorization(request.DeliveryAuthorization, cca)
}

// checkDeliveryAuthorization refuses a CDA under which nobody would accept cargo:
// it must be for our key, by the CCA's sender, and in date. Its constraints do not
// matter, since deployed clients give it several.
func (h *CollectCargo) checkDeliveryAuthorization(cda *pki.Certificate, cca *ramf.Message) error {
	fail := func(err error) error {
		return refuse(Invalid, "the cargo delivery authorisation is not valid", err)
	}
	now := h.Now()
	switch {
	case cda.SubjectID() != h.Identity.NodeID():
		return fail(errors.New("it is for another node"))
	case cda.IssuerID() != cca.SenderID() || !bytes.Equal(cda.RawIssuer(), cca.Sender.RawSubject()):
		return fail(errors.New("it was issued by another node"))
	case now.After(cda.NotAfter()):
		return fail(pki.ErrExpired)
	case now.Add(privateTolerance).Before(cda.NotBefore()):
		return fail(pki.ErrNotYetValid)
	}
	if err := cda.CheckSignatureFrom(cca.Sender); err != nil {
		return fail(err)
	}
	return nil
}

func (h *CollectCargo) claim(ctx context.Context, cca *ramf.Message) (release func(), err error) {
	release, ok, err := h.Claims.Claim(ctx, events.CollectionChannel(cca.SenderID(), cca.ID))
	if err != nil {
		return nil, fmt.Errorf("claim the authorisation: %w", err)
	}
	if !ok {
		return nil, ErrInUse
	}
	return release, nil
}

// fulfilment returns the record that says that the CCA is used up, or io.EOF.
func (h *CollectCargo) fulfilment(ctx context.Context, cca *ramf.Message) (events.Record, error) {
	return h.Log.Last(ctx, events.StreamGateway, events.CollectionChannel(cca.SenderID(), cca.ID))
}
