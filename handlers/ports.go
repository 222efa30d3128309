package handlers

import (
	"context"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/projections"
)

// Appender records events durably.
type Appender interface {
	Append(ctx context.Context, e events.Event) (events.Position, error)
}

// Arrivals hears how long parcels took from their acceptance until their recipient had
// them, once for each, and by which bindings they came in and went out.
type Arrivals interface {
	Arrived(ctx context.Context, from, to events.Ingress, took time.Duration)
}

// Identity is the gateway's own identity (see internal/identity).
type Identity interface {
	InternetAddress() string
	Validator() *pki.Validator
}

// Mailbox tells exactly what is known of a parcel bound for a private gateway
// (see [projections.Reader]).
type Mailbox interface {
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
	Put(ctx context.Context, key string, body []byte, m blobs.Meta) error
}

// BlobDeleter removes blobs, also ones that are not there.
type BlobDeleter interface {
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
