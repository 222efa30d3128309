package projections

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/internal/documents"
)

// deliveryPage is how many documents are read at a time.
const deliveryPage = 500

// DeliveryReader reads the stored [Deliveries] and [Destinations], which may be
// behind.
type DeliveryReader struct{ deliveries, destinations documents.Collection }

// NewDeliveryReader returns a reader of two collections that [Open] opened.
func NewDeliveryReader(deliveries, destinations documents.Collection) DeliveryReader {
	return DeliveryReader{deliveries, destinations}
}

// Stored is a document and the sequence of the last record that is folded in.
type Stored[S any] struct {
	State    S
	Position uint64
}

// Checkpoint is the sequence up to which both collections hold everything.
func (r DeliveryReader) Checkpoint(ctx context.Context) (uint64, error) {
	first, err := r.deliveries.Checkpoint(ctx)
	if err != nil {
		return 0, fmt.Errorf("projections: read the deliveries: %w", err)
	}
	second, err := r.destinations.Checkpoint(ctx)
	if err != nil {
		return 0, fmt.Errorf("projections: read the destinations: %w", err)
	}
	return min(first, second), nil
}

// Get returns the deliveries that there are among ids.
func (r DeliveryReader) Get(ctx context.Context, ids []string) (map[string]Stored[Delivery], error) {
	stored, err := r.deliveries.GetMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("projections: read deliveries: %w", err)
	}
	found := make(map[string]Stored[Delivery], len(stored))
	for id, d := range stored {
		e, err := decode[Delivery](d)
		if err != nil {
			return nil, err
		}
		found[id] = Stored[Delivery]{e.state, e.position}
	}
	return found, nil
}

// Open yields the deliveries that have not ended, in the order of acceptance,
// until yield returns an error.
func (r DeliveryReader) Open(ctx context.Context, yield func(Stored[Delivery]) error) error {
	return scan(ctx, r.deliveries, documents.Query{Key: byOpen, Value: openYes, Limit: deliveryPage}, yield)
}

// In yields the deliveries in a state, in the order of acceptance, until yield
// returns an error.
func (r DeliveryReader) In(ctx context.Context, s DeliveryState, yield func(Stored[Delivery]) error) error {
	return scan(ctx, r.deliveries, documents.Query{Key: byState, Value: string(s), Limit: deliveryPage}, yield)
}

// Destinations yields what operators did to destinations, until yield returns an
// error.
func (r DeliveryReader) Destinations(ctx context.Context, yield func(Stored[Destination]) error) error {
	return scan(ctx, r.destinations, documents.Query{Key: byKind, Value: kindDestination, Limit: deliveryPage}, yield)
}

// ErrStop ends a listing early, without an error.
var ErrStop = errors.New("projections: enough")

// scan yields all documents that q selects.
func scan[S any](ctx context.Context, c documents.Collection, q documents.Query, yield func(Stored[S]) error) error {
	for {
		page, err := c.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("projections: list: %w", err)
		}
		for _, d := range page {
			e, err := decode[S](d)
			if err != nil {
				return err
			}
			if err := yield(Stored[S]{e.state, e.position}); errors.Is(err, ErrStop) {
				return nil
			} else if err != nil {
				return err
			}
			q.AfterRank, q.AfterID = d.Rank, d.ID
		}
		if len(page) < q.Limit {
			return nil
		}
	}
}
