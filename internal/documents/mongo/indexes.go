package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"awala.network/gateway/internal/documents"
)

// Server error codes, as in MongoDB's error_codes.yml.
const (
	codeNamespaceExists      = 48
	codeIndexOptionsConflict = 85
	codeDuplicateKey         = 11000
)

// Collection implements documents.Database. Documents whose ExpiresAt lies more
// than documents.ExpiryGrace back are removed by a TTL index, where the server
// knows TTL indexes.
func (d *Database) Collection(ctx context.Context, name string, indexes []string) (documents.Collection, error) {
	indexes, err := documents.CheckCollection(name, indexes)
	if err != nil {
		return nil, err
	}
	if err := d.database.CreateCollection(ctx, name); err != nil && !hasCode(err, codeNamespaceExists) {
		return nil, fmt.Errorf("mongo: create collection %s: %w", name, err)
	}
	c := &collection{
		name: name, indexes: indexes, turn: d.turn, batch: d.batch, scans: d.scans,
		documents: d.database.Collection(name), checkpoints: d.database.Collection(checkpoints),
	}
	for _, key := range indexes {
		fields := bson.D{{Key: keyField(key), Value: 1}, {Key: "rank", Value: 1}, {Key: "_id", Value: 1}}
		if err := c.createIndex(ctx, "key_"+key, fields, options.Index()); err != nil {
			return nil, err
		}
	}
	if err := d.createExpiryIndex(ctx, c); err != nil {
		return nil, err
	}
	return c, nil
}

// createExpiryIndex makes the index that Expired uses, with the server's own
// expiry if it has one. Expiry never depends on that: housekeeping deletes what
// Expired returns.
func (d *Database) createExpiryIndex(ctx context.Context, c *collection) error {
	fields := bson.D{{Key: "expires", Value: 1}}
	ttl := options.Index().SetExpireAfterSeconds(int32(documents.ExpiryGrace.Seconds()))
	err := c.createIndex(ctx, "expires", fields, ttl)
	var refused mongo.CommandError
	if !errors.As(err, &refused) {
		return err
	}
	d.noTTL.Do(func() {
		d.logger.LogAttrs(ctx, slog.LevelInfo, "the document store has no TTL index: only housekeeping removes expired documents",
			slog.String("collection", c.name), slog.Any("error", err))
	})
	if refused.HasErrorCode(codeIndexOptionsConflict) {
		return nil // there is an index already, of another grace
	}
	return c.createIndex(ctx, "expires", fields, options.Index())
}

func (c *collection) createIndex(ctx context.Context, name string, fields bson.D, o *options.IndexOptionsBuilder) error {
	_, err := c.documents.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: fields, Options: o.SetName(name)})
	if err != nil {
		return fmt.Errorf("mongo: create index %s of %s: %w", name, c.name, err)
	}
	return nil
}

// hasCode tells whether the server refused with that code.
func hasCode(err error, code int) bool {
	var refused mongo.ServerError
	return errors.As(err, &refused) && refused.HasErrorCode(code)
}
