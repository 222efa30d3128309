package jetstream_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"awala.network/gateway/internal/claims"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
)

// claimer is what both kinds of claims have in common.
type claimer interface {
	Claim(ctx context.Context, key string) (release func(), ok bool, err error)
}

func TestClaims(t *testing.T) {
	log := jetstreamtest.Open(t)
	ours, err := log.Claims(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := log.Claims(t.Context(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	local := new(claims.Local)
	for name, pair := range map[string][2]claimer{"on JetStream": {ours, theirs}, "local": {local, local}} {
		t.Run(name, func(t *testing.T) { testClaims(t, pair[0], pair[1]) })
	}
}

func testClaims(t *testing.T, ours, theirs claimer) {
	release, ok, err := ours.Claim(t.Context(), "a key . with > anything")
	if !ok || err != nil {
		t.Fatalf("first: %v, %v", ok, err)
	}
	if _, ok, err := theirs.Claim(t.Context(), "a key . with > anything"); ok || err != nil {
		t.Errorf("while it is claimed: %v, %v", ok, err)
	}
	other, ok, err := theirs.Claim(t.Context(), "another key")
	if !ok || err != nil {
		t.Fatalf("another key: %v, %v", ok, err)
	}
	other()
	release()
	release()
	again, ok, err := theirs.Claim(t.Context(), "a key . with > anything")
	if !ok || err != nil {
		t.Fatalf("after the release: %v, %v", ok, err)
	}
	again()

	var taken atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		by := ours
		if i%2 == 0 {
			by = theirs
		}
		wg.Go(func() {
			release, ok, err := by.Claim(t.Context(), "contended")
			if err != nil {
				t.Error(err)
			}
			if ok {
				taken.Add(1)
				t.Cleanup(release)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d have the same claim", taken.Load())
	}
}
