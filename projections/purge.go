package projections

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/internal/documents"
)

// purgePage is how many documents are removed at a time.
const purgePage = 500

// Purge removes the documents that expired more than documents.ExpiryGrace
// before now, and returns how many. A store that does so by itself leaves nothing
// to do here. Nothing is removed that the checkpoint has not passed, so no record
// that is yet to be read can bring a document back.
func (r *Runner[S]) Purge(ctx context.Context, now time.Time) (int, error) {
	purged := 0
	for {
		n, err := r.purgePage(ctx, now.Add(-documents.ExpiryGrace))
		purged += n
		if err != nil {
			return purged, fmt.Errorf("projections: purge %s: %w", r.projection.Spec().Name, err)
		}
		if n < purgePage {
			return purged, nil
		}
	}
}

func (r *Runner[S]) purgePage(ctx context.Context, before time.Time) (int, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	c, err := target(ctx, r.collection)
	if err != nil {
		return 0, err
	}
	checkpoint, err := c.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	expired, err := c.Expired(ctx, before, purgePage)
	if err != nil {
		return 0, err
	}
	ids := make([]string, 0, len(expired))
	for _, d := range expired {
		if d.Position <= checkpoint {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return len(ids), c.Delete(ctx, ids)
}
