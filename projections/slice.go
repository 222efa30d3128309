package projections

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"awala.network/gateway/internal/documents"
)

// end is the horizon beyond which nothing is queued.
const end = math.MaxUint64

// slice returns everything queued after one sequence up to another, its horizon,
// in order: some stored documents, corrected by the tail. It may be empty before
// the end.
func (t *tail) slice(ctx context.Context, gatewayID string, after uint64, limit int) ([]Item, uint64, error) {
	limit = min(max(limit, 1), documents.MaxLimit)
	stored, err := t.stored.Find(ctx, documents.Query{
		Key: byGateway, Value: gatewayID, AfterRank: int64(min(after, math.MaxInt64)), Limit: limit,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("projections: list the mailbox: %w", err)
	}
	horizon := uint64(end)
	if len(stored) == limit {
		horizon = uint64(stored[limit-1].Rank)
	}
	items := t.between(after, horizon)
	for _, d := range stored {
		if t.entries[d.ID] != nil {
			continue
		}
		e, err := decode[Parcel](d)
		if err != nil {
			return nil, 0, err
		}
		if item, ok := e.state.QueuedItem(); ok {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return items, horizon, nil
}

// between returns what the tail knows to be queued after one sequence and up to
// another.
func (t *tail) between(after, horizon uint64) []Item {
	var items []Item
	for _, e := range t.entries {
		if item, ok := e.state.QueuedItem(); ok && item.Sequence > after && item.Sequence <= horizon {
			items = append(items, item)
		}
	}
	return items
}
