package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"awala.network/gateway/internal/documents"
)

// attempts is how often a document is tried that others insert and delete at the
// same time.
const attempts = 5

var errContended = errors.New("documents keep changing")

// Replace implements documents.Collection.
func (c *collection) Replace(ctx context.Context, docs []documents.Document) error {
	docs, err := documents.Prepare(docs, c.indexes)
	if err != nil || len(docs) == 0 {
		return err
	}
	if err := c.turn.take(ctx); err != nil {
		return c.failed("replace", err)
	}
	defer c.turn.give()
	for len(docs) > 0 {
		n := c.fitting(docs)
		if err := c.replaceBatch(ctx, docs[:n]); err != nil {
			return c.failed("replace", err)
		}
		docs = docs[n:]
	}
	return nil
}

// fitting is how many of docs fit a bulk write: one at least.
func (c *collection) fitting(docs []documents.Document) int {
	size := 0
	for i, doc := range docs {
		size += len(doc.Body)
		if i == c.batch || i > 0 && size > batchLen {
			return i
		}
	}
	return len(docs)
}

func (c *collection) replaceBatch(ctx context.Context, docs []documents.Document) error {
	batch := make([]replacement, len(docs))
	for i, doc := range docs {
		var err error
		if batch[i], err = newReplacement(doc); err != nil {
			return err
		}
	}
	return c.replace(ctx, batch)
}

// replacement is a document ready to be written.
type replacement struct {
	id       string
	position int64
	model    mongo.WriteModel
}

// newReplacement makes the write that replaces an older version of the document,
// or inserts it when there is no such version: which fails, with a duplicate key,
// if there is a version that is not older.
func newReplacement(doc documents.Document) (replacement, error) {
	encoded, err := encode(doc)
	if err != nil {
		return replacement{}, err
	}
	position := int64(doc.Position)
	older := bson.D{{Key: "_id", Value: doc.ID}, {Key: "pos", Value: bson.D{{Key: "$lt", Value: position}}}}
	model := mongo.NewReplaceOneModel().SetFilter(older).SetReplacement(encoded).SetUpsert(true)
	return replacement{id: doc.ID, position: position, model: model}, nil
}

// replace writes a batch. A duplicate key means that a document is stale, or that
// another writer inserted it between the server's look and its insert. The stored
// positions tell which, and what is not stale is tried again: all of it, because
// FerretDB v1 stops at the first duplicate even in an unordered write.
func (c *collection) replace(ctx context.Context, batch []replacement) error {
	for range attempts {
		err := c.bulk(ctx, batch)
		if !isDuplicateKey(err) {
			return err
		}
		if batch, err = c.notStale(ctx, batch); err != nil || len(batch) == 0 {
			return err
		}
	}
	return fmt.Errorf("%w: %q", errContended, batch[0].id)
}

func (c *collection) bulk(ctx context.Context, batch []replacement) error {
	models := make([]mongo.WriteModel, len(batch))
	for i, r := range batch {
		models[i] = r.model
	}
	_, err := c.documents.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return err
}

// isDuplicateKey tells whether duplicate keys are all that a bulk write failed for.
func isDuplicateKey(err error) bool {
	var partly mongo.BulkWriteException
	if !errors.As(err, &partly) || partly.WriteConcernError != nil {
		return false
	}
	for _, failure := range partly.WriteErrors {
		if !failure.HasErrorCode(codeDuplicateKey) {
			return false
		}
	}
	return true
}

// notStale returns those of a batch whose stored version, if any, is older.
func (c *collection) notStale(ctx context.Context, batch []replacement) ([]replacement, error) {
	ids := make([]string, len(batch))
	for i, r := range batch {
		ids[i] = r.id
	}
	stored, err := c.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(batch, func(r replacement) bool { return int64(stored[r.id].Position) >= r.position }), nil
}

// Delete implements documents.Collection.
func (c *collection) Delete(ctx context.Context, ids []string) error {
	if err := c.turn.take(ctx); err != nil {
		return c.failed("delete", err)
	}
	defer c.turn.give()
	for some := range slices.Chunk(ids, readBatch) {
		if _, err := c.documents.DeleteMany(ctx, byIDs(some)); err != nil {
			return c.failed("delete", err)
		}
	}
	return nil
}

// SaveCheckpoint implements documents.Collection.
func (c *collection) SaveCheckpoint(ctx context.Context, position uint64) error {
	if err := documents.CheckPosition(position); err != nil {
		return err
	}
	if err := c.turn.take(ctx); err != nil {
		return c.failed("save checkpoint", err)
	}
	defer c.turn.give()
	ours := bson.D{{Key: "_id", Value: c.name}}
	greater := bson.D{{Key: "$max", Value: bson.D{{Key: "pos", Value: int64(position)}}}}
	var err error
	for range attempts {
		_, err = c.checkpoints.UpdateOne(ctx, ours, greater, options.UpdateOne().SetUpsert(true))
		if !hasCode(err, codeDuplicateKey) { // another writer inserted it first
			break
		}
	}
	return c.failed("save checkpoint", err)
}
