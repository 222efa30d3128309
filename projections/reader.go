package projections

import (
	"context"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

// Reader reads the mailbox exactly: it folds the tail of the stream, for the
// gateway in question, on top of the stored projection. Every append that
// returned before a call is in the call's answer. Its methods may be called
// concurrently.
//
// A call costs two questions to the stream when the projection is up to date.
// When it lags, the tail is read once and kept for the next call.
type Reader struct {
	collection documents.Collection
	log        Log
	now        func() time.Time
	tails      tails
}

// NewReader returns a reader of the Mailbox projection in a collection that
// [Open] opened. now is time.Now if nil.
func NewReader(mailbox documents.Collection, log Log, now func() time.Time) *Reader {
	if now == nil {
		now = time.Now
	}
	return &Reader{collection: mailbox, log: log, now: now}
}

// Find returns what is known of a parcel that is, or was, bound for a private
// gateway. A parcel that was never accepted, or ended and expired, has no
// versions.
func (r *Reader) Find(ctx context.Context, gatewayID string, key events.ParcelKey) (Parcel, error) {
	var found Parcel
	err := r.exactly(ctx, gatewayID, func(t *tail) (err error) {
		found, err = t.find(ctx, gatewayID, key)
		return err
	})
	return found, err
}

func (t *tail) find(ctx context.Context, gatewayID string, key events.ParcelKey) (Parcel, error) {
	id := mailboxID(gatewayID, key)
	if e := t.entries[id]; e != nil {
		return e.state.clone(), nil
	}
	stored, err := t.stored.GetMany(ctx, []string{id})
	if err != nil {
		return Parcel{}, fmt.Errorf("projections: find in the mailbox: %w", err)
	}
	d, ok := stored[id]
	if !ok {
		return Parcel{Key: key, PrivateGatewayID: gatewayID}, nil
	}
	e, err := decode[Parcel](d)
	if err != nil {
		return Parcel{}, err
	}
	return e.state, nil
}

// Pending returns what is queued for a private gateway, accepted after the
// sequence after and not expired: the oldest first, at most limit. There is no
// more when it returns fewer.
func (r *Reader) Pending(ctx context.Context, gatewayID string, after uint64, limit int) ([]Item, error) {
	page, err := r.page(ctx, gatewayID, after, limit)
	return page.items, err
}

// page is what is queued for a gateway at one moment.
type page struct {
	items []Item
	// last holds the last sequences of the gateway's subjects when the page was
	// read: the page accounts for every record up to there.
	last lastSequences
	// more tells that the limit cut the page off.
	more bool
}

// page reads a page of what is queued.
func (r *Reader) page(ctx context.Context, gatewayID string, after uint64, limit int) (page, error) {
	var read page
	err := r.exactly(ctx, gatewayID, func(t *tail) (err error) {
		read, err = t.page(ctx, gatewayID, after, limit, r.now())
		return err
	})
	return read, err
}

func (t *tail) page(ctx context.Context, gatewayID string, after uint64, limit int, now time.Time) (page, error) {
	result := page{last: t.last}
	for !result.more {
		slice, horizon, err := t.slice(ctx, gatewayID, after, limit+1)
		if err != nil {
			return page{}, err
		}
		for _, item := range slice {
			if item.ExpiredAt(now) {
				continue
			}
			if result.more = len(result.items) == limit; result.more {
				break
			}
			result.items = append(result.items, item)
		}
		if horizon == end {
			break
		}
		after = horizon
	}
	return result, nil
}
