package interop

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/internal/powebclient"
)

// ledger is what the clients of a gateway remember of their parcels, by id, while
// the gateway comes and goes.
type ledger struct {
	mu        sync.Mutex
	accepted  map[string]bool // the gateway said that it has them
	received  map[string]int  // came, and how often
	confirmed map[string]bool // their acknowledgement is known to be kept
	late      []string        // came although confirmed
}

func newLedger() *ledger {
	return &ledger{accepted: map[string]bool{}, received: map[string]int{}, confirmed: map[string]bool{}}
}

func (l *ledger) accept(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.accepted[id] = true
	}
}

// receive notes that a parcel came, and returns its id.
func (l *ledger) receive(parcel []byte) (id string) {
	id = parcelID(parcel)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received[id]++
	if l.confirmed[id] {
		l.late = append(l.late, id)
	}
	return id
}

func (l *ledger) confirm(id string) {
	if id == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.confirmed[id] = true
}

// missing counts the accepted parcels that never came.
func (l *ledger) missing() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for id := range l.accepted {
		if l.received[id] == 0 {
			n++
		}
	}
	return n
}

// collect receives by PoWeb and acknowledges until the collection ends.
func (l *ledger) collect(ctx context.Context, peer *powebclient.PrivateGateway, mode powebclient.Mode) error {
	collection, err := peer.Collect(ctx, mode)
	if err != nil {
		return err
	}
	defer collection.Close()
	previous := ""
	for {
		delivery, err := collection.Next(ctx)
		if err == nil || errors.Is(err, io.EOF) {
			// One delivery is in flight at a time: whatever comes next says that
			// the acknowledgement before it is kept.
			l.confirm(previous)
		}
		if err != nil {
			return err
		}
		previous = l.receive(delivery.Parcel)
		if err := delivery.Acknowledge(ctx); err != nil {
			return err
		}
	}
}

// repeated counts how often a parcel came that had come before.
func (l *ledger) repeated() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, times := range l.received {
		n += times - 1
	}
	return n
}

// account tells what was lost and what came too often.
func (l *ledger) account(t *testing.T, seed uint64) {
	t.Helper()
	missing := l.missing()
	t.Logf("seed %d: %d accepted, %d received, %d came again before their acknowledgement was kept",
		seed, len(l.accepted), len(l.received), l.repeated())
	if len(l.accepted) == 0 {
		t.Error("no parcel was accepted: the test shows nothing")
	}
	if missing > 0 {
		t.Errorf("%d accepted parcels were never collected", missing)
	}
	if len(l.late) > 0 {
		t.Errorf("%d parcels came after their acknowledgement was kept: %v", len(l.late), l.late)
	}
}

// parcelID returns the message id of a serialised parcel, or "" when it cannot
// be read.
func parcelID(parcel []byte) string {
	message, err := ramf.Parse(parcel)
	if err != nil {
		return ""
	}
	return message.ID
}
