package projections_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/projections"
)

// slow is a store that answers nobody in time once it is tired.
type slow struct {
	documents.Database
	tired  atomic.Bool
	opened atomic.Int64
}

func (s *slow) Collection(ctx context.Context, name string, indexes []string) (documents.Collection, error) {
	s.opened.Add(1)
	c, err := s.Database.Collection(ctx, name, indexes)
	return slowCollection{c, s}, err
}

type slowCollection struct {
	documents.Collection
	s *slow
}

func (c slowCollection) Get(ctx context.Context, id string) (documents.Document, error) {
	if c.s.tired.Load() {
		return documents.Document{}, documents.ErrSlow
	}
	return c.Collection.Get(ctx, id)
}

// TestSlowStoreIsNotOpenedAnew shows that readers who get no answer in time do not
// make a slow store slower: they open nothing anew, which is to ask for collections and
// indexes, and read on when it answers again.
func TestSlowStoreIsNotOpenedAnew(t *testing.T) {
	s := &slow{Database: database(t)}
	live, err := projections.Open(t.Context(), s, projections.Mailbox{})
	if err != nil {
		t.Fatal(err)
	}
	opened := s.opened.Load()
	s.tired.Store(true)
	for range 10 {
		if _, err := live.Get(t.Context(), "any"); !errors.Is(err, documents.ErrSlow) {
			t.Fatalf("of a store that does not answer: %v", err)
		}
	}
	s.tired.Store(false)
	if _, err := live.Get(t.Context(), "any"); !errors.Is(err, documents.ErrNotFound) {
		t.Errorf("once it answers: %v", err)
	}
	if again := s.opened.Load() - opened; again > 0 {
		t.Errorf("%d collections were opened anew", again)
	}
}
