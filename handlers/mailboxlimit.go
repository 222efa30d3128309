package handlers

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/projections"
)

// QueuedParcels reads what is queued for a private gateway (see [projections.Reader]).
type QueuedParcels interface {
	// Pending is as in [PendingParcels].
	Pending(ctx context.Context, gatewayID string, after uint64, limit int) ([]projections.Item, error)
}

// MailboxLimit bounds the octets that are queued for one private gateway, so that
// whoever writes to one that does not collect cannot fill the store.
//
// To sum up a mailbox takes as long as it is full, so that is done only after this
// process has taken in a part of the limit for it (one in sumAfter) since the last
// time, and then the sum counts until it is. A mailbox can therefore grow beyond the
// limit by that part for each process. Nothing is kept anywhere else.
type MailboxLimit struct {
	// Octets is the limit; 0 is none.
	Octets  int64
	Parcels QueuedParcels
	// Full is called for each parcel that finds no room; nil if nobody counts.
	Full func()
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time

	mu     sync.Mutex
	known  map[string]*list.Element // by private gateway
	recent list.List                // of *mailboxSize, the latest first
}

// mailboxSize is what is known of a mailbox.
type mailboxSize struct {
	gatewayID string
	sum       int64 // when it was last summed up, or 0
	since     int64 // taken in since then
	// fullUntil is until when nothing is let in without summing up again.
	fullUntil time.Time
}

const (
	sumAfter = 4
	// sumPage is how many parcels are read at a time.
	sumPage = 500
	// mailboxesKnown bounds the mailboxes that are remembered: those that were
	// written to last.
	mailboxesKnown = 10_000
	// fullFor is how long a full mailbox is taken to be full.
	fullFor = 10 * time.Second
)

// Admit notes a parcel for the private gateway, or fails with blobs.ErrFull if there
// is no room for it now. Senders keep it then and try again.
func (l *MailboxLimit) Admit(ctx context.Context, gatewayID string, octets int64) error {
	if l == nil || l.Octets == 0 {
		return nil
	}
	full, doubtful := l.add(gatewayID, octets)
	if full {
		return l.full()
	}
	if !doubtful {
		return nil
	}
	sum, err := l.sum(ctx, gatewayID)
	if err != nil {
		return fmt.Errorf("sum up the mailbox: %w", err)
	}
	if l.set(gatewayID, sum, octets) {
		return l.full()
	}
	return nil
}

func (l *MailboxLimit) full() error {
	if l.Full != nil {
		l.Full()
	}
	return fmt.Errorf("%w: %d octets are queued for this private gateway, or nearly", blobs.ErrFull, l.Octets)
}

// add counts octets, unless the mailbox is known to be full, and tells whether it
// may be by now.
func (l *MailboxLimit) add(gatewayID string, octets int64) (full, doubtful bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := l.size(gatewayID)
	if l.Now().Before(size.fullUntil) {
		return true, false
	}
	size.since += octets
	return false, size.since > l.Octets/sumAfter || size.sum+size.since > l.Octets
}

// set notes what is queued, and tells whether that leaves no room for the octets.
func (l *MailboxLimit) set(gatewayID string, sum, octets int64) (full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := l.size(gatewayID)
	size.sum, size.since = sum, octets
	if full = sum+octets > l.Octets; full {
		size.since, size.fullUntil = 0, l.Now().Add(fullFor)
	}
	return full
}

// size returns what is known of a mailbox. l.mu is held.
func (l *MailboxLimit) size(gatewayID string) *mailboxSize {
	if known := l.known[gatewayID]; known != nil {
		l.recent.MoveToFront(known)
		return known.Value.(*mailboxSize)
	}
	if l.known == nil {
		l.known = make(map[string]*list.Element)
	}
	if len(l.known) >= mailboxesKnown {
		oldest := l.recent.Remove(l.recent.Back()).(*mailboxSize)
		delete(l.known, oldest.gatewayID)
	}
	size := &mailboxSize{gatewayID: gatewayID}
	l.known[gatewayID] = l.recent.PushFront(size)
	return size
}

// sum adds up what is queued, no further than beyond the limit.
func (l *MailboxLimit) sum(ctx context.Context, gatewayID string) (octets int64, err error) {
	for after := uint64(0); octets <= l.Octets; {
		page, err := l.Parcels.Pending(ctx, gatewayID, after, sumPage)
		if err != nil {
			return 0, err
		}
		for i := range page {
			octets += page[i].Size
			after = page[i].Sequence
		}
		if len(page) < sumPage {
			break
		}
	}
	return octets, nil
}
