package handlers

import (
	"context"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/projections"
)

// Appender records events durably (see jetstream.Log).
type Appender interface {
	// Append returns once the event is on disk, as often as the stream has replicas.
	// After an error it is recorded or not. Appending again under the same id is safe:
	// within the stream's deduplication window the position says that it is a duplicate,
	// and where the first stands; later it is recorded once more, which everything that
	// folds it has to stand. Errors are transient, unless they are marked: an event that
	// is too long or cannot be encoded is recorded never.
	Append(ctx context.Context, e events.Event) (events.Position, error)
}

// Arrivals hears how long parcels took from their acceptance until their recipient had
// them, once for each, and by which bindings they came in and went out.
type Arrivals interface {
	// Arrived must not block. It is told of most arrivals, not of all: it only measures.
	Arrived(ctx context.Context, from, to events.Ingress, took time.Duration)
}

// Identity is the gateway's own identity (see internal/identity).
type Identity interface {
	// InternetAddress is the gateway's public name, in small letters.
	InternetAddress() string
	// Validator trusts the gateway's own certificates that are valid now.
	Validator() *pki.Validator
}

// Mailbox tells exactly what is known of a parcel bound for a private gateway
// (see [projections.Reader]).
type Mailbox interface {
	// Find takes every append into account that returned before the call. A parcel that
	// was never accepted, or that ended and expired, has no versions. Errors are
	// transient.
	Find(ctx context.Context, gatewayID string, key events.ParcelKey) (projections.Parcel, error)
}

// KnownParcels tells which Internet-bound parcels a gateway that this one took over
// had accepted.
type KnownParcels interface {
	// Known returns the record of an [events.InternetParcelKnown], or io.EOF if there
	// is none.
	Known(ctx context.Context, gatewayID string, key events.ParcelKey) (events.Record, error)
}

// BlobPutter stores blobs durably (see [blobs.Store]).
type BlobPutter interface {
	// Put returns once the blob is on disk. After an error it is there or not, and may be
	// put again; blobs.ErrFull says that there is no room for it now.
	Put(ctx context.Context, key string, body []byte, m blobs.Meta) error
}

// BlobDeleter removes blobs, also ones that are not there.
type BlobDeleter interface {
	// Delete may be repeated. After an error the blob is there or not; a power cut may
	// bring it back, so that its expiry has to remove it as well.
	Delete(ctx context.Context, key string) error
}

// OpenParcels lists what waits for housekeeping (see [projections.OpenParcels]).
type OpenParcels interface {
	// Superseded yields the parcels that have superseded versions, page by page
	// until yield's error.
	Superseded(ctx context.Context, page int, yield func(projections.Parcel) error) error
	// ExpiringOn yields the queued versions that expire on the day of day, page
	// by page until yield's error.
	ExpiringOn(ctx context.Context, day time.Time, page int, yield func(projections.Item) error) error
}
