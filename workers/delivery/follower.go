package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/projections"
)

// Consumer is the name under which unreadable messages are parked.
const Consumer = "delivery"

// Store reads the stored projections (see [projections.DeliveryReader]).
//
// It may be behind the history, and documents may be newer than the checkpoint, never
// older. Errors are transient.
type Store interface {
	// Checkpoint is the last sequence that is folded in.
	Checkpoint(ctx context.Context) (uint64, error)
	// Get leaves out ids that it does not know.
	Get(ctx context.Context, ids []string) (map[string]projections.Stored[projections.Delivery], error)
	// Open yields the deliveries that have not ended, until yield's error.
	Open(ctx context.Context, yield func(projections.Stored[projections.Delivery]) error) error
	// Destinations yields those to which operators did something, until yield's error.
	Destinations(ctx context.Context, yield func(projections.Stored[projections.Destination]) error) error
}

// Parker sets messages aside (see workers.Parker).
type Parker interface {
	// Park returns nil once the parking is durable. It may be repeated.
	Park(ctx context.Context, d jetstream.Delivery, cause error) error
}

// BlobDeleter removes blobs, also ones that are not there.
type BlobDeleter interface {
	// Delete may be repeated.
	Delete(ctx context.Context, key string) error
}

// Follower keeps a queue at the end of the history: [Follower.Load] once, and
// then [Follower.Handle] for each batch after it.
type Follower struct {
	Queue  *Queue
	Store  Store
	Parker Parker
	Blobs  BlobDeleter
	Logger *slog.Logger
	Now    func() time.Time
}

// Load fills the queue from the projections, and returns the sequence from which
// on the history must be handled.
func (f *Follower) Load(ctx context.Context) (uint64, error) {
	// The order matters: documents may be newer than the checkpoint, never older.
	checkpoint, err := f.Store.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	err = f.Store.Destinations(ctx, func(s projections.Stored[projections.Destination]) error {
		f.Queue.RestoreDestination(s, f.Now())
		return nil
	})
	if err != nil {
		return 0, err
	}
	err = f.Store.Open(ctx, func(s projections.Stored[projections.Delivery]) error {
		f.Queue.RestoreDelivery(s, f.Now())
		return nil
	})
	if err == nil {
		f.Queue.Restored(checkpoint)
	}
	return checkpoint + 1, err
}

// Handle takes over a batch of the history. It can be repeated.
func (f *Follower) Handle(ctx context.Context, batch jetstream.Batch) error {
	var asked []string
	for _, r := range batch.Records {
		switch data := r.Data.(type) {
		case events.InternetParcelAccepted:
			asked = append(asked, r.ID)
		case events.InternetParcelHastened:
			asked = append(asked, data.AcceptedID)
		case events.Unreadable:
			if err := f.park(ctx, r, data); err != nil {
				return err
			}
		}
	}
	var known map[string]projections.Stored[projections.Delivery]
	if len(asked) > 0 {
		var err error
		if known, err = f.Store.Get(ctx, asked); err != nil {
			return err
		}
	}
	f.dispose(ctx, f.Queue.Apply(batch.Records, known, f.Now()))
	if batch.CaughtUp {
		f.Queue.Current(f.Now())
	}
	return nil
}

// park sets aside what cannot be read and may be a parcel.
func (f *Follower) park(ctx context.Context, r events.Record, bad events.Unreadable) error {
	if r.Subject != events.InternetParcelsChannel {
		return nil
	}
	err := f.Parker.Park(ctx, jetstream.Delivery{Record: r, Consumer: Consumer, Attempt: 1}, bad.Err)
	if err != nil {
		return fmt.Errorf("park an unreadable parcel: %w", err)
	}
	return nil
}

// dispose deletes the blobs of parcels that were accepted again after their end.
// A failure leaves them to expire.
func (f *Follower) dispose(ctx context.Context, keys []string) {
	for _, key := range keys {
		if err := f.Blobs.Delete(ctx, key); err != nil {
			f.Logger.LogAttrs(ctx, slog.LevelWarn, "blob of an ended parcel is left to expire", slog.Any("error", err))
		}
	}
}

// Forget lets the queue forget what the projection knows by now.
func (f *Follower) Forget(ctx context.Context) error {
	checkpoint, err := f.Store.Checkpoint(ctx)
	if err == nil {
		f.Queue.Forget(checkpoint)
	}
	return err
}
