package handlers_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/projections"
)

// queue is mailboxes with parcels of given sizes. It counts how often it is read.
type queue struct {
	sizes map[string][]int64
	reads int
	err   error
}

func (q *queue) Pending(_ context.Context, gatewayID string, after uint64, limit int) (items []projections.Item, err error) {
	q.reads++
	for i, size := range q.sizes[gatewayID] {
		if sequence := uint64(i + 1); sequence > after && len(items) < limit {
			items = append(items, projections.Item{Version: projections.Version{
				Sequence: sequence, ParcelBlob: events.ParcelBlob{Size: size},
			}})
		}
	}
	return items, q.err
}

func TestMailboxLimit(t *testing.T) {
	now := time.Unix(1e9, 0)
	q := &queue{sizes: map[string][]int64{}}
	refused := 0
	l := &handlers.MailboxLimit{Octets: 1000, Parcels: q, Full: func() { refused++ }, Now: func() time.Time { return now }}
	put := func(gateway string, octets int64) error {
		err := l.Admit(t.Context(), gateway, octets)
		if err == nil {
			q.sizes[gateway] = append(q.sizes[gateway], octets)
		}
		return err
	}
	queued := func() (sum int64) {
		for _, size := range q.sizes["a"] {
			sum += size
		}
		return sum
	}
	for range 3000 {
		if err := put("a", 1); err != nil && (!errors.Is(err, blobs.ErrFull) || fault.IsPermanent(err)) {
			t.Fatal(err)
		}
	}
	if sum := queued(); sum != 1000 || refused != 2000 {
		t.Errorf("%d octets queued, %d parcels refused", sum, refused)
	}
	if q.reads > 20 {
		t.Errorf("the mailbox was read %d times", q.reads)
	}
	if err := put("b", 1000); err != nil {
		t.Errorf("another mailbox: %v", err)
	}
	q.sizes["a"] = nil // all is collected
	now = now.Add(time.Minute)
	if err := put("a", 900); err != nil {
		t.Errorf("after all was collected: %v", err)
	}
}

// TestMailboxLimitOutage: when the mailbox cannot be read, the parcel is neither let
// in nor refused for good.
func TestMailboxLimitOutage(t *testing.T) {
	q := &queue{err: errors.New("out of order")}
	l := &handlers.MailboxLimit{Octets: 100, Parcels: q, Now: time.Now}
	if err := l.Admit(t.Context(), "a", 200); !errors.Is(err, q.err) || fault.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
}

// TestManyMailboxes shows that what is known of mailboxes stays bounded, and that one
// that was forgotten is summed up anew before it is full.
func TestManyMailboxes(t *testing.T) {
	q := &queue{sizes: map[string][]int64{"0": {90}}}
	l := &handlers.MailboxLimit{Octets: 100, Parcels: q, Now: time.Now}
	for i := range 20_000 {
		if err := l.Admit(t.Context(), strconv.Itoa(i), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Admit(t.Context(), "0", 30); !errors.Is(err, blobs.ErrFull) {
		t.Errorf("error %v", err)
	}
}

func TestParcelForFullMailbox(t *testing.T) {
	w := newWorld(t)
	w.accept.Limit = &handlers.MailboxLimit{Octets: 1, Parcels: &queue{}, Now: time.Now}
	raw := parcel(t, "one")
	if _, err := w.accept.FromInternet(t.Context(), raw); !errors.Is(err, blobs.ErrFull) {
		t.Errorf("from the Internet: %v", err)
	}
	if _, err := w.accept.FromPrivateGateway(t.Context(), raw, theCast().private.id(), events.ViaPoWeb, nil); !errors.Is(err, blobs.ErrFull) {
		t.Errorf("by PoWeb: %v", err)
	}
	if _, err := w.accept.FromPrivateGateway(t.Context(), raw, theCast().private.id(), events.ViaCargo, nil); err != nil {
		t.Errorf("in cargo: %v", err)
	}
}
