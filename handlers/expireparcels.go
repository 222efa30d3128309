package handlers

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// day is the unit by which the mailbox lists what expires.
const day = 24 * time.Hour

// lookBack is how far into the past a full look goes: no parcel that was
// accepted after it can have expired before it, twice over.
const lookBack = 2 * ramf.MaxTTL

// ExpireParcels records the end of queued parcels that nobody collected in time.
// It touches no blobs: DeleteBlob follows the event.
//
// A failure leaves the rest for the next run. Running twice is safe: the event's
// id follows from the version, and the mailbox counts a version's first end only;
// so it does not matter if the parcel was collected at the same moment.
//
// One goroutine may run it; several processes may.
type ExpireParcels struct {
	Open OpenParcels
	Log  Appender
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time

	lastFull time.Time
}

// Run looks once at everything that may have expired since the last run: today
// and yesterday, and the whole past the first time and once a day. It returns how
// many ends it recorded.
func (h *ExpireParcels) Run(ctx context.Context) (recorded int, err error) {
	now := h.Now()
	from, full := now.Add(-day), now.Sub(h.lastFull) >= day
	if full {
		from = now.Add(-lookBack)
	}
	for date := from; !date.After(now); date = date.Add(day) {
		err := h.Open.ExpiringOn(ctx, date, housekeepingPage, func(item projections.Item) error {
			if !item.ExpiredAt(now) {
				return nil
			}
			data := events.GatewayParcelExpired{GatewayParcelEnd: item.End()}
			if _, err := h.Log.Append(ctx, ended(item, housekeeper, item.Cause(), now, data)); err != nil {
				return fmt.Errorf("record that a parcel expired: %w", err)
			}
			recorded++
			return nil
		})
		if err != nil {
			return recorded, err
		}
	}
	if full {
		h.lastFull = now
	}
	return recorded, nil
}
