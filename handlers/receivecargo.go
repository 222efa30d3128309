package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
)

const (
	// pendingUnwrapping is the prefix of the keys of cargoes' blobs.
	pendingUnwrapping = "cargoes/pending-unwrapping"
	// cargoContentType is the media type of serialised cargoes.
	cargoContentType = "application/vnd.awala.cargo"
	// cargoKept is how long a received cargo is kept at least. Its parcels may be
	// valid for longer than itself, so it must outlive the worst day of its worker.
	cargoKept = 30 * 24 * time.Hour
	// courier is the source of the events that couriers' calls make.
	courier = "cogrpc"
)

// GatewayIdentity is the gateway's own identity with its id.
type GatewayIdentity interface {
	Identity
	// NodeID is the id of the gateway's identity key (RS-002), which never changes.
	NodeID() string
}

// ReceiveCargo takes in a cargo that a courier delivers (RS-008): it validates,
// stores the blob, records the event, and returns once both are durable. What
// is in the cargo is UnwrapCargo's affair.
//
// A refused cargo is recorded, as far as Refusals allows, and not stored. A failure
// may leave the blob behind, or the blob and the event; then the courier delivers
// again. Running twice is safe: the blob's key and the event's id follow from the
// sender and the octets.
type ReceiveCargo struct {
	Identity GatewayIdentity
	Blobs    BlobPutter
	Log      CargoLog
	// Ended removes a blob that was stored again after its cargo was unwrapped.
	Ended  *DeleteBlob
	Logger *slog.Logger
	// Refusals bounds how many refusals are recorded, since anybody can cause
	// them; further ones are logged only. nil records all.
	Refusals *rate.Limiter
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// ReceivedCargo says what became of a cargo that was received.
type ReceivedCargo struct {
	// EventID is the id of its CargoReceived.
	EventID string
	// CargoID is the message id, PrivateGatewayID the sender.
	CargoID, PrivateGatewayID string
	// Duplicate tells that it was received before.
	Duplicate bool
}

// Receive takes in a serialised cargo. The error is a [Refusal], which is final and
// which the courier must not be told of, or transient.
func (h *ReceiveCargo) Receive(ctx context.Context, raw []byte) (ReceivedCargo, error) {
	m, err := h.admit(raw)
	if err != nil {
		return h.reject(ctx, raw, m, err)
	}
	data := newCargoReceived(m, raw)
	e := events.New(cargoReceivedID(data), courier, h.Now(), data)
	result := ReceivedCargo{EventID: e.ID, CargoID: data.CargoID, PrivateGatewayID: data.PrivateGatewayID}
	meta := blobs.Meta{ExpiresAt: latest(data.ExpiresAt, h.Now().Add(cargoKept)), ContentType: cargoContentType}
	if err := h.Blobs.Put(ctx, data.BlobKey, raw, meta); err != nil {
		return result, fmt.Errorf("store the cargo: %w", err)
	}
	position, err := h.Log.Append(ctx, e)
	if err != nil {
		return result, fmt.Errorf("record the cargo: %w", err)
	}
	if result.Duplicate = position.Duplicate; result.Duplicate {
		h.followUp(ctx, e.ID, position.Sequence, data.BlobKey)
	}
	h.Logger.InfoContext(ctx, "cargo received", "cargo_id", data.CargoID, "event_id", e.ID,
		"private_gateway_id", data.PrivateGatewayID, "octets", data.Size, "duplicate", result.Duplicate)
	return result, nil
}

// maxFollowUp bounds the search for the outcome of a cargo that comes again, because
// its courier waits. If it is not that near, the blob is left to expire.
const maxFollowUp = 200

// followUp removes the blob of a cargo that was received before, at a sequence, and
// unwrapped before we stored it again: its deletion came too early for that. Couriers
// often deliver twice, since they do not wait long for acknowledgements.
func (h *ReceiveCargo) followUp(ctx context.Context, id string, sequence uint64, blobKey string) {
	ended, err := cargoEnded(ctx, h.Log, id, sequence, maxFollowUp)
	if err == nil && ended {
		err = h.Ended.delete(ctx, blobKey)
	}
	if err != nil {
		h.Logger.WarnContext(ctx, "blob of a cargo that was received before may be left to expire", "event_id", id, "error", err)
	}
}

// admit returns the message in raw if it is a cargo for us from one of our private
// gateways; with the error, it returns the message if its signature verifies.
func (h *ReceiveCargo) admit(raw []byte) (*ramf.Message, error) {
	m, err := ramf.Parse(raw)
	if err != nil {
		return nil, refuseMessage(err)
	}
	if m.Type != ramf.TypeCargo {
		return m, refuse(Malformed, fmt.Sprintf("a %s is no cargo", m.Type), nil)
	}
	if err := m.CheckTiming(h.Now(), privateTolerance); err != nil {
		return m, refuseMessage(err)
	}
	return m, fromPrivateGateway(m, h.Identity, h.Now())
}

// fromPrivateGateway refuses a message that is not for us or not from one of our
// private gateways.
func fromPrivateGateway(m *ramf.Message, us GatewayIdentity, at time.Time) error {
	if _, err := m.Authorize(us.Validator(), at); err != nil {
		return refuseMessage(err)
	}
	if m.Recipient.ID != us.NodeID() {
		return refuse(Misdirected, "the recipient is another node", nil)
	}
	return nil
}

func newCargoReceived(m *ramf.Message, raw []byte) events.CargoReceived {
	content := digest(raw)
	key := blobKey(pendingUnwrapping, m.SenderID(), m.ID, content)
	return events.CargoReceived{
		CargoID: m.ID, PrivateGatewayID: m.SenderID(), BlobKey: key, SHA256: content, Size: int64(len(raw)),
		CreatedAt: m.CreatedAt, ExpiresAt: m.ExpiresAt(),
	}
}

// cargoReceivedID is the event's id, from the sender and the octets.
func cargoReceivedID(data events.CargoReceived) string {
	return events.DeriveID(string(data.EventType()), data.PrivateGatewayID, data.CargoID, data.SHA256)
}

// reject records a refusal. If that fails the error is transient, and the courier
// keeps what it has.
func (h *ReceiveCargo) reject(ctx context.Context, raw []byte, m *ramf.Message, cause error) (ReceivedCargo, error) {
	var result ReceivedCargo
	data := events.CargoRejected{SHA256: digest(raw), Size: int64(len(raw)), Reason: reasonOf(cause)}
	if m != nil && pki.ValidNodeID(m.SenderID()) {
		result.CargoID, result.PrivateGatewayID = m.ID, m.SenderID()
	}
	h.Logger.InfoContext(ctx, "cargo refused", "cargo_id", result.CargoID,
		"private_gateway_id", result.PrivateGatewayID, "octets", data.Size, "error", cause)
	if h.Refusals != nil && !h.Refusals.AllowN(h.Now(), 1) {
		return result, cause
	}
	e := events.New(events.DeriveID(string(data.EventType()), data.SHA256), courier, h.Now(), data)
	if _, err := h.Log.Append(ctx, e); err != nil {
		return result, fmt.Errorf("record a refused cargo: %w", err)
	}
	return result, cause
}

// maxReasonLen bounds the reasons in events, in octets: they may quote the sender.
const maxReasonLen = 300

// reasonOf says in few words why something was refused.
func reasonOf(err error) string {
	text := err.Error()
	if refusal := AsRefusal(err); refusal != nil {
		text = refusal.Reason
	}
	if len(text) > maxReasonLen {
		text = text[:maxReasonLen]
	}
	return strings.ToValidUTF8(text, "")
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

var errNoCargo = errors.New("the event is no CargoReceived")
