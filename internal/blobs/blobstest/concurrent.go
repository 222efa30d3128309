package blobstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

func testConcurrentClaims(t *testing.T, s space) {
	for round := range 5 {
		key := s.key(fmt.Sprint(round), "k")
		var won []byte
		var mu sync.Mutex
		var group errgroup.Group
		for i := range 8 {
			group.Go(func() error {
				body := bytes.Repeat([]byte{byte(i)}, 100)
				err := s.Put(t.Context(), key, body, blobs.Meta{IfAbsent: true})
				if errors.Is(err, blobs.ErrExists) || s.Hiccups && err != nil && !fault.IsPermanent(err) {
					return nil
				}
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				if won != nil {
					return errors.New("two claims succeeded")
				}
				won = body
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		s.wantBody(t, key, won)
	}
}

// Readers running against writers see each body whole, and never none.
func testAtomicReplace(t *testing.T, s space) {
	key := s.key("k")
	body := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 1000+100*i) }
	s.put(t, key, body(0), blobs.Meta{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers, writers errgroup.Group
	for range 2 {
		readers.Go(func() error {
			for ctx.Err() == nil {
				got, _, err := s.Get(t.Context(), key)
				if err != nil {
					return err
				}
				if !bytes.Equal(got, body(int(got[0]))) {
					return fmt.Errorf("torn body of %d octets", len(got))
				}
			}
			return nil
		})
	}
	for w := range 2 {
		writers.Go(func() error {
			for i := range 30 {
				if err := s.Put(t.Context(), key, body((w+i)%8), blobs.Meta{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := writers.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	if err := readers.Wait(); err != nil {
		t.Error(err)
	}
}

// Objects of one folder come and go at once: an adapter that removes empty
// folders must not take one away from under a Put.
func testPutAgainstDelete(t *testing.T, s space) {
	var group errgroup.Group
	for w := range 4 {
		group.Go(func() error {
			key := s.key("gone", "soon", fmt.Sprint(w))
			for range 30 {
				if err := s.putThroughHiccups(t.Context(), key, blobs.Meta{IfAbsent: w%2 == 0}); err != nil {
					return fmt.Errorf("put: %w", err)
				}
				if _, _, err := s.Get(t.Context(), key); err != nil {
					return fmt.Errorf("get what was put: %w", err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					return fmt.Errorf("delete: %w", err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if left := s.list(t, s.root); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// putThroughHiccups puts and, where hiccups are allowed, repeats what failed
// transiently; not as a claim, because the failed one may hold the key.
func (s space) putThroughHiccups(ctx context.Context, key string, m blobs.Meta) error {
	err := s.Put(ctx, key, []byte("x"), m)
	for try := 0; try < 20 && err != nil && s.Hiccups && !fault.IsPermanent(err); try++ {
		err = s.Put(ctx, key, []byte("x"), blobs.Meta{})
	}
	return err
}

func testCancelled(t *testing.T, s space) {
	key := s.key("k")
	s.put(t, key, []byte("x"), blobs.Meta{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, getErr := s.Get(ctx, key)
	_, statErr := s.Stat(ctx, key)
	var listErr error
	for _, listErr = range s.List(ctx, s.root) {
		if listErr == nil {
			t.Error("a cancelled listing went on")
		}
	}
	for name, err := range map[string]error{
		"Put": s.Put(ctx, key, []byte("y"), blobs.Meta{}), "Delete": s.Delete(ctx, key), "Get": getErr, "Stat": statErr, "List": listErr,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s error is %v", name, err)
		}
	}
	s.wantBody(t, key, []byte("x"))
}
