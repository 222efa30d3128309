package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/documents"
)

const (
	// readBatch is how many documents one query by ids asks for.
	readBatch = 1000
	// readAtOnce is how many documents are asked for at once, one by one.
	readAtOnce = 16
)

// collection is a documents.Collection.
type collection struct {
	name        string
	indexes     []string
	documents   *mongo.Collection
	checkpoints *mongo.Collection
	turn        turn
	batch       int
	scans       bool
}

// Get implements documents.Collection.
func (c *collection) Get(ctx context.Context, id string) (documents.Document, error) {
	raw, err := c.documents.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return documents.Document{}, fmt.Errorf("mongo: document %q in %s: %w", id, c.name, documents.ErrNotFound)
	}
	if err != nil {
		return documents.Document{}, c.failed("get", err)
	}
	doc, err := decode(raw)
	return doc, c.failed("get", err)
}

// GetMany implements documents.Collection.
func (c *collection) GetMany(ctx context.Context, ids []string) (map[string]documents.Document, error) {
	if c.scans {
		return c.getEach(ctx, ids)
	}
	found := make(map[string]documents.Document, len(ids))
	for some := range slices.Chunk(ids, readBatch) {
		docs, err := c.query(ctx, byIDs(some), options.Find())
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			found[doc.ID] = doc
		}
	}
	return found, nil
}

// getEach is GetMany on FerretDB, which goes through all of a collection for a list of
// ids, but not for one id.
func (c *collection) getEach(ctx context.Context, ids []string) (map[string]documents.Document, error) {
	var mu sync.Mutex
	found := make(map[string]documents.Document, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for _, id := range ids {
		group.Go(func() error {
			doc, err := c.Get(ctx, id)
			if errors.Is(err, documents.ErrNotFound) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			found[id] = doc
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// Find implements documents.Collection.
func (c *collection) Find(ctx context.Context, q documents.Query) ([]documents.Document, error) {
	if err := documents.CheckQuery(q, c.indexes); err != nil {
		return nil, err
	}
	after := max(q.AfterRank, 0)
	ranks := bson.D{{Key: "$gt", Value: after}}
	filter := bson.D{{Key: keyField(q.Key), Value: q.Value}, {Key: "rank", Value: ranks}}
	if q.AfterID != "" && q.AfterRank > 0 {
		filter[1].Value = bson.D{{Key: "$gte", Value: after}}
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: "rank", Value: ranks}},
			bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: q.AfterID}}}},
		}})
	}
	order := bson.D{{Key: "rank", Value: 1}, {Key: "_id", Value: 1}}
	return c.query(ctx, filter, options.Find().SetSort(order).SetLimit(int64(q.Limit)))
}

// Expired implements documents.Collection.
func (c *collection) Expired(ctx context.Context, before time.Time, limit int) ([]documents.Document, error) {
	if err := documents.CheckLimit(limit); err != nil {
		return nil, err
	}
	bound := bson.NewDateTimeFromTime(documents.ExpiryBound(before))
	filter := bson.D{{Key: "expires", Value: bson.D{{Key: "$lt", Value: bound}}}}
	order := bson.D{{Key: "expires", Value: 1}, {Key: "_id", Value: 1}}
	return c.query(ctx, filter, options.Find().SetSort(order).SetLimit(int64(limit)))
}

// All implements documents.Collection.
func (c *collection) All(ctx context.Context, afterID string, limit int) ([]documents.Document, error) {
	if err := documents.CheckLimit(limit); err != nil {
		return nil, err
	}
	filter := bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: afterID}}}}
	return c.query(ctx, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
}

// Count implements documents.Collection.
func (c *collection) Count(ctx context.Context) (int, error) {
	n, err := c.documents.CountDocuments(ctx, bson.D{})
	return int(n), c.failed("count", err)
}

// Checkpoint implements documents.Collection.
func (c *collection) Checkpoint(ctx context.Context) (uint64, error) {
	var saved struct {
		Position int64 `bson:"pos"`
	}
	err := c.checkpoints.FindOne(ctx, bson.D{{Key: "_id", Value: c.name}}).Decode(&saved)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return uint64(saved.Position), c.failed("read checkpoint", err)
}

func (c *collection) query(ctx context.Context, filter bson.D, o *options.FindOptionsBuilder) ([]documents.Document, error) {
	cursor, err := c.documents.Find(ctx, filter, o)
	if err != nil {
		return nil, c.failed("query", err)
	}
	var docs []documents.Document
	for cursor.Next(ctx) {
		doc, err := decode(cursor.Current)
		if err != nil {
			return nil, c.failed("query", errors.Join(err, cursor.Close(ctx)))
		}
		docs = append(docs, doc)
	}
	return docs, c.failed("query", errors.Join(cursor.Err(), cursor.Close(ctx)))
}

// byIDs selects documents. One is asked for plainly: FerretDB goes through all of a
// collection for a list of ids, be it a list of one.
func byIDs(ids []string) bson.D {
	if len(ids) == 1 {
		return bson.D{{Key: "_id", Value: ids[0]}}
	}
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
}

// failed names what failed.
func (c *collection) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	if mongo.IsTimeout(err) { // the driver gives up before a deadline that it cannot keep
		err = fmt.Errorf("%w: %w", documents.ErrSlow, err)
	}
	return fmt.Errorf("mongo: %s in %s: %w", what, c.name, err)
}
