package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/internal/blobs"
)

// blobGrace is how long past its expiry a blob is left alone: long enough for
// the events that end its parcel, and delete it, to be handled on all but the
// worst day.
const blobGrace = 48 * time.Hour

// sweepBlobs deletes the blobs that expired before the instant given. Nobody
// needs them: what has expired is withheld. They are left behind when a process
// dies between storing a blob and recording it, or before DeleteBlob succeeds.
func sweepBlobs(ctx context.Context, store blobs.Store, before time.Time) error {
	var errs []error
	for info, err := range store.List(ctx, "") {
		if err != nil {
			return errors.Join(append(errs, fmt.Errorf("sweep blobs: %w", err))...)
		}
		if info.StoredAt.Before(before) { // or else it has not expired by then either
			errs = append(errs, sweepBlob(ctx, store, info.Key, before))
		}
	}
	return errors.Join(errs...)
}

func sweepBlob(ctx context.Context, store blobs.Store, key string, before time.Time) error {
	info, err := store.Stat(ctx, key)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil
	}
	if err == nil && !info.Meta.ExpiresAt.IsZero() && info.Meta.ExpiresAt.Before(before) {
		err = store.Delete(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("sweep blobs: %w", err)
	}
	return nil
}
