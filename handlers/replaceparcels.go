package handlers

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
)

// housekeepingPage is how many parcels housekeeping looks at in one read.
const housekeepingPage = 200

// housekeeper is the source of the events that housekeeping records.
const housekeeper = "housekeeping"

// ReplaceParcels records the end of versions that a newer one has superseded.
// AcceptParcel does so itself; this does it where that failed. It touches no
// blobs: DeleteBlob follows the event.
//
// A failure leaves the rest for the next run. Running twice is safe: the event's
// id follows from the version, and the mailbox counts a version's first end only.
type ReplaceParcels struct {
	Open OpenParcels
	Log  Appender
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Run looks once at everything, and returns how many ends it recorded.
func (h *ReplaceParcels) Run(ctx context.Context) (recorded int, err error) {
	err = h.Open.Superseded(ctx, housekeepingPage, func(p projections.Parcel) error {
		for _, item := range p.Superseded() {
			if _, err := h.Log.Append(ctx, replaced(item, housekeeper, h.Now())); err != nil {
				return fmt.Errorf("record that a parcel was replaced: %w", err)
			}
			recorded++
		}
		return nil
	})
	return recorded, err
}

func replaced(item projections.Item, source string, at time.Time) events.Event {
	data := events.GatewayParcelReplaced{GatewayParcelEnd: item.End(), ReplacedBy: item.SupersededBy}
	return ended(item, source, events.Event{ID: item.SupersededBy, CorrelationID: item.CorrelationID, TraceParent: item.TraceParent}, at, data)
}
