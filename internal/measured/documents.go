package measured

import (
	"context"
	"time"

	"awala.network/gateway/internal/documents"
)

// Documents returns a database with the requests to its collections timed.
func (s *Services) Documents(database documents.Database) documents.Database {
	return timedDocuments{database, s}
}

type timedDocuments struct {
	documents.Database
	services *Services
}

// Collection implements [documents.Database].
func (t timedDocuments) Collection(ctx context.Context, name string, indexes []string) (documents.Collection, error) {
	c, err := t.Database.Collection(ctx, name, indexes)
	if err != nil {
		return nil, err
	}
	return &timedCollection{t.services, c}, nil
}

type timedCollection struct {
	*Services
	collection documents.Collection
}

func (t *timedCollection) Get(ctx context.Context, id string) (documents.Document, error) {
	ctx, done := t.begin(ctx, "documents", "get")
	result, err := t.collection.Get(ctx, id)
	done(err)
	return result, err
}

func (t *timedCollection) GetMany(ctx context.Context, ids []string) (map[string]documents.Document, error) {
	ctx, done := t.begin(ctx, "documents", "get_many")
	result, err := t.collection.GetMany(ctx, ids)
	done(err)
	return result, err
}

func (t *timedCollection) Find(ctx context.Context, q documents.Query) ([]documents.Document, error) {
	ctx, done := t.begin(ctx, "documents", "find")
	result, err := t.collection.Find(ctx, q)
	done(err)
	return result, err
}

func (t *timedCollection) Expired(ctx context.Context, before time.Time, limit int) ([]documents.Document, error) {
	ctx, done := t.begin(ctx, "documents", "expired")
	result, err := t.collection.Expired(ctx, before, limit)
	done(err)
	return result, err
}

func (t *timedCollection) All(ctx context.Context, afterID string, limit int) ([]documents.Document, error) {
	ctx, done := t.begin(ctx, "documents", "all")
	result, err := t.collection.All(ctx, afterID, limit)
	done(err)
	return result, err
}

func (t *timedCollection) Replace(ctx context.Context, docs []documents.Document) error {
	ctx, done := t.begin(ctx, "documents", "replace")
	err := t.collection.Replace(ctx, docs)
	done(err)
	return err
}

func (t *timedCollection) Delete(ctx context.Context, ids []string) error {
	ctx, done := t.begin(ctx, "documents", "delete")
	err := t.collection.Delete(ctx, ids)
	done(err)
	return err
}

func (t *timedCollection) Count(ctx context.Context) (int, error) {
	ctx, done := t.begin(ctx, "documents", "count")
	result, err := t.collection.Count(ctx)
	done(err)
	return result, err
}

func (t *timedCollection) Checkpoint(ctx context.Context) (uint64, error) {
	ctx, done := t.begin(ctx, "documents", "checkpoint")
	result, err := t.collection.Checkpoint(ctx)
	done(err)
	return result, err
}

func (t *timedCollection) SaveCheckpoint(ctx context.Context, position uint64) error {
	ctx, done := t.begin(ctx, "documents", "save_checkpoint")
	err := t.collection.SaveCheckpoint(ctx, position)
	done(err)
	return err
}
