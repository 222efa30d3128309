package projections

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/internal/documents"
)

// OpenParcels lists, for housekeeping, the parcels of the stored [Mailbox] whose
// versions wait for their end. It reads the projection alone, so it may be
// behind: what it yields may have ended, and what it leaves out comes later.
type OpenParcels struct{ collection documents.Collection }

// NewOpenParcels returns the list of a collection that [Open] opened.
func NewOpenParcels(mailbox documents.Collection) OpenParcels { return OpenParcels{mailbox} }

// Superseded yields the parcels that have superseded versions, reading page of
// them at a time, until yield returns an error.
func (o OpenParcels) Superseded(ctx context.Context, page int, yield func(Parcel) error) error {
	return o.list(ctx, documents.Query{Key: bySuperseded, Value: supersededYes, Limit: page}, yield)
}

// ExpiringOn yields the queued versions that expire on the day of day, in UTC,
// reading page of them at a time, until yield returns an error.
func (o OpenParcels) ExpiringOn(ctx context.Context, day time.Time, page int, yield func(Item) error) error {
	q := documents.Query{Key: byExpiry, Value: day.UTC().Format(expiryLayout), Limit: page}
	return o.list(ctx, q, func(p Parcel) error {
		item, ok := p.QueuedItem()
		if !ok {
			return nil
		}
		return yield(item)
	})
}

// Waiting returns at most limit of the parcels that wait for a private gateway, the
// oldest first.
func (o OpenParcels) Waiting(ctx context.Context, gatewayID string, limit int) ([]Item, error) {
	stored, err := o.collection.Find(ctx, documents.Query{Key: byGateway, Value: gatewayID, Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("projections: list what waits for a private gateway: %w", err)
	}
	var items []Item
	for _, d := range stored {
		e, err := decode[Parcel](d)
		if err != nil {
			return nil, err
		}
		if item, ok := e.state.QueuedItem(); ok {
			items = append(items, item)
		}
	}
	return items, nil
}

func (o OpenParcels) list(ctx context.Context, q documents.Query, yield func(Parcel) error) error {
	for {
		stored, err := o.collection.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("projections: list open parcels: %w", err)
		}
		for _, d := range stored {
			e, err := decode[Parcel](d)
			if err != nil {
				return err
			}
			if err := yield(e.state); err != nil {
				return err
			}
			q.AfterRank = d.Rank
		}
		if len(stored) < q.Limit {
			return nil
		}
	}
}
