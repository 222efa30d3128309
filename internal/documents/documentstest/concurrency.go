package documentstest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/documents"
)

const (
	contenders = 8
	positions  = 40
)

func testConcurrency(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	contend(t, func(int) documents.Collection { return c })
}

func testConcurrentHandles(t *testing.T, f Fixture) {
	if f.Racy != "" {
		t.Skip(f.Racy)
	}
	handles := []documents.Collection{mailbox(t, open(t, f)), mailbox(t, open(t, f)), mailbox(t, open(t, f))}
	contend(t, func(i int) documents.Collection { return handles[i%len(handles)] })
}

// contend lets writers replace the same documents with positions in all orders,
// while readers watch that no document goes backwards or is torn.
func contend(t *testing.T, handle func(int) documents.Collection) {
	ids := []string{"a", "b", "c"}
	writing, written := context.WithCancel(t.Context())
	readers, writers := new(errgroup.Group), new(errgroup.Group)
	for i := range 2 {
		readers.Go(func() error { return watch(t.Context(), writing.Done(), handle(i), ids) })
	}
	for i := range contenders {
		writers.Go(func() error { return scramble(t.Context(), handle(i), ids, uint64(i)) })
	}
	err := writers.Wait()
	written()
	must(t, err)
	must(t, readers.Wait())
	wantStored(t, handle(0), doc("a", positions), doc("b", positions), doc("c", positions))
}

// scramble replaces all ids with every position once, in an order of its own.
func scramble(ctx context.Context, c documents.Collection, ids []string, seed uint64) error {
	for _, p := range rand.New(rand.NewPCG(seed, 1)).Perm(positions) {
		var batch []documents.Document
		for _, id := range ids {
			batch = append(batch, doc(id, uint64(p+1)))
		}
		if err := c.Replace(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// watch reads ids until done is closed.
func watch(ctx context.Context, done <-chan struct{}, c documents.Collection, ids []string) error {
	last := map[string]uint64{}
	for {
		select {
		case <-done:
			return nil
		default:
		}
		many, err := c.GetMany(ctx, ids)
		if err != nil {
			return err
		}
		for id, d := range many {
			var body struct{ Position uint64 }
			if err := json.Unmarshal(d.Body, &body); err != nil || body.Position != d.Position {
				return fmt.Errorf("document %s at %d is torn: %s, %w", id, d.Position, d.Body, err)
			}
			if d.Position < last[id] {
				return fmt.Errorf("document %s went back from %d to %d", id, last[id], d.Position)
			}
			last[id] = d.Position
		}
	}
}

func testConcurrentCheckpoints(t *testing.T, f Fixture) {
	c := mailbox(t, open(t, f))
	var writers errgroup.Group
	for i := range contenders {
		writers.Go(func() error {
			for _, p := range rand.New(rand.NewPCG(uint64(i), 2)).Perm(positions) {
				if err := c.SaveCheckpoint(t.Context(), uint64(p+1)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, writers.Wait())
	wantCheckpoint(t, c, positions)
}
