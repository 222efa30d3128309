package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/projections"
)

// BlobGetter reads blobs.
type BlobGetter interface {
	// Get returns a blob; blobs.ErrNotFound says that there is none.
	Get(ctx context.Context, key string) ([]byte, blobs.Meta, error)
}

// CargoLog is what UnwrapCargo needs of the history.
type CargoLog interface {
	Appender
	// Next returns the first record on the subject whose sequence is at least
	// from, or io.EOF when there is none.
	Next(ctx context.Context, stream, subject string, from uint64) (events.Record, error)
}

// ParcelAcceptor takes in the parcels of a cargo (see [AcceptParcel]).
type ParcelAcceptor interface {
	// FromPrivateGateway may be repeated: the same octets are accepted once.
	FromPrivateGateway(
		ctx context.Context, raw []byte, gatewayID string, via events.Ingress, cause *events.Event,
	) (Accepted, error)
}

// ParcelCollector takes in the acknowledgements of a cargo (see [CollectParcel]).
type ParcelCollector interface {
	// AcknowledgedInCargo may be repeated: a version ends once.
	AcknowledgedInCargo(ctx context.Context, key events.ParcelKey, in AcknowledgingCargo) (bool, error)
}

// UnwrapCargo turns what is in a received cargo into events: parcels are accepted
// as if they had come by PoWeb, parcel collection acknowledgements (PCAs) end the
// parcels that they name, certificate rotations are ignored (RS-002: we are the
// issuer). Then it records which PCAs the sender is to get, and CargoUnwrapped,
// upon which DeleteBlob removes the cargo.
//
// A cargo that cannot be decrypted is refused, a bad item is noted and skipped.
// An outage fails the run; running again goes over everything from the start,
// which is safe, since each item makes the events that it made before, if any.
// Whether the cargo is valid was decided when it was received.
type UnwrapCargo struct {
	Sessions *Sessions
	Blobs    BlobGetter
	Accept   ParcelAcceptor
	Collect  ParcelCollector
	Log      CargoLog
	Logger   *slog.Logger
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Handle unwraps the cargo of a CargoReceived. The error is permanent if the event
// or the stored cargo is damaged or gone, otherwise transient.
func (h *UnwrapCargo) Handle(ctx context.Context, r events.Record) error {
	data, ok := r.Data.(events.CargoReceived)
	if !ok {
		return fault.Permanent(errNoCargo)
	}
	raw, _, err := h.Blobs.Get(ctx, data.BlobKey)
	if errors.Is(err, blobs.ErrNotFound) {
		return h.missing(ctx, r, err)
	}
	if err != nil {
		return fmt.Errorf("fetch the cargo: %w", err)
	}
	m, err := ramf.Parse(raw)
	if err != nil {
		return fault.Permanent(fmt.Errorf("the stored cargo is damaged: %w", err))
	}
	plaintext, ourKeyID, err := h.Sessions.Open(ctx, m, &r.Event)
	if channel.IsFinal(err) {
		return h.refuse(ctx, r.Event, data, err)
	}
	if err != nil {
		return fmt.Errorf("decrypt the cargo: %w", err)
	}
	items, err := cargo.ParseMessageSet(plaintext)
	if err != nil {
		return h.refuse(ctx, r.Event, data, err)
	}
	u := unwrapping{
		UnwrapCargo: h, cause: r.Event, cargo: data, unwrapped: events.CargoUnwrapped{CargoRef: refOf(r.Event, data)},
		acknowledging: AcknowledgingCargo{
			GatewayID: data.PrivateGatewayID, Received: r.Event, OurKeyID: ourKeyID,
			Prepared: projections.NewPreparedCargoes(h.Log, data.PrivateGatewayID),
		},
	}
	if err := u.run(ctx, items); err != nil {
		return err
	}
	return u.finish(ctx)
}

func refOf(cause events.Event, data events.CargoReceived) events.CargoRef {
	return events.CargoRef{
		CargoID: data.CargoID, PrivateGatewayID: data.PrivateGatewayID, ReceivedID: cause.ID, BlobKey: data.BlobKey,
	}
}

func (h *UnwrapCargo) refuse(ctx context.Context, cause events.Event, data events.CargoReceived, why error) error {
	refused := events.CargoRefused{CargoRef: refOf(cause, data), Reason: reasonOf(why)}
	if _, err := h.Log.Append(ctx, events.Caused(cause, cargoWorker, h.Now(), refused)); err != nil {
		return fmt.Errorf("record that a cargo is refused: %w", err)
	}
	h.Logger.WarnContext(ctx, "cargo refused", "cargo_id", data.CargoID, "event_id", cause.ID,
		"private_gateway_id", data.PrivateGatewayID, "error", why)
	return nil
}

// cargoWorker is the source of the events that unwrapping makes.
const cargoWorker = "cargo"

// missing tells a cargo that was dealt with before, whose blob was deleted for that
// reason, from one that is lost, which a person must look into.
func (h *UnwrapCargo) missing(ctx context.Context, r events.Record, cause error) error {
	ended, err := cargoEnded(ctx, h.Log, r.ID, r.Sequence, maxOutcomesSearched)
	if ended || err != nil {
		return err
	}
	return fault.Permanent(fmt.Errorf("the stored cargo is gone: %w", cause))
}

// maxOutcomesSearched bounds the search for what became of a cargo whose blob is gone.
// It begins at the cargo's own position, so its outcome is near.
const maxOutcomesSearched = 10_000

// cargoEnded tells whether the history holds the outcome of a cargo, whose CargoReceived
// stands at a sequence, among the next ones.
func cargoEnded(ctx context.Context, log CargoLog, id string, from uint64, most int) (bool, error) {
	for range most {
		outcome, err := log.Next(ctx, events.StreamCargo, events.CargoOutcomes, from+1)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("look for the cargo's outcome: %w", err)
		}
		if receivedID(outcome.Data) == id {
			return true, nil
		}
		from = outcome.Sequence
	}
	return false, nil
}

// receivedID returns the id of the CargoReceived that an outcome ends, or "".
func receivedID(outcome events.Data) string {
	switch data := outcome.(type) {
	case events.CargoUnwrapped:
		return data.ReceivedID
	case events.CargoRefused:
		return data.ReceivedID
	default:
		return ""
	}
}

// finish records what the sender must be told of and then that the cargo is
// unwrapped, in this order: after the second nobody looks at the cargo again.
func (u *unwrapping) finish(ctx context.Context) error {
	if err := u.recordDue(ctx); err != nil {
		return err
	}
	if u.parkWith != nil {
		return u.parkWith
	}
	data := u.unwrapped
	if _, err := u.Log.Append(ctx, events.Caused(u.cause, cargoWorker, u.Now(), data)); err != nil {
		return fmt.Errorf("record that a cargo is unwrapped: %w", err)
	}
	u.Logger.InfoContext(ctx, "cargo unwrapped", "cargo_id", data.CargoID, "event_id", u.cause.ID,
		"private_gateway_id", data.PrivateGatewayID, "parcels", data.Parcels, "duplicates", data.Duplicates,
		"acknowledgements", data.Acknowledgements, "bad_items", data.Bad)
	return nil
}

func (u *unwrapping) recordDue(ctx context.Context) error {
	for n := 0; len(u.due) > 0; n++ {
		some := u.due[:min(len(u.due), events.MaxDueParcels)]
		u.due = u.due[len(some):]
		e := events.Caused(u.cause, cargoWorker, u.Now(), events.AcknowledgementsDue{
			PrivateGatewayID: u.cargo.PrivateGatewayID, CargoID: u.cargo.CargoID, Parcels: some,
		}, strconv.Itoa(n))
		if _, err := u.Log.Append(ctx, e); err != nil {
			return fmt.Errorf("record the acknowledgements that are due: %w", err)
		}
	}
	return nil
}
