package jetstream_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
)

// TestMembersDivideKeys has three members come and go: each key has one owner
// soon after.
func TestMembersDivideKeys(t *testing.T) {
	log := jetstreamtest.Open(t)
	const interval = 20 * time.Millisecond
	var members []*jetstream.Members
	var stops []context.CancelFunc
	var running sync.WaitGroup
	changed := make(chan struct{}, 1000)
	for range 3 {
		m := log.Members("test", interval)
		if m.Owns("before it met the others") {
			t.Error("owns a key at once")
		}
		ctx, stop := context.WithCancel(t.Context())
		running.Go(func() {
			if err := m.Run(ctx, func() { changed <- struct{}{} }); err != nil {
				t.Error(err)
			}
		})
		members, stops = append(members, m), append(stops, stop)
	}
	for len(members) > 0 {
		awaitOwners(t, members, changed)
		stops[0]()
		members, stops = members[1:], stops[1:]
	}
	running.Wait()
}

// awaitOwners waits until each of many keys has one owner, and each member its
// share.
func awaitOwners(t *testing.T, members []*jetstream.Members, changed <-chan struct{}) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		wrong, shares := 0, make([]int, len(members))
		for n := range 1000 {
			owners := 0
			for i, m := range members {
				if m.Owns(fmt.Sprintf("host%d.example", n)) {
					owners++
					shares[i]++
				}
			}
			if owners != 1 {
				wrong++
			}
		}
		if wrong == 0 {
			for _, share := range shares {
				if share < 1000/len(members)/2 {
					t.Errorf("shares %v", shares)
				}
			}
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d keys have no owner, or several", wrong)
		}
	}
}
