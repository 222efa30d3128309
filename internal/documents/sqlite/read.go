package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/internal/documents"
)

// Get implements documents.Collection.
func (c *collection) Get(ctx context.Context, id string) (documents.Document, error) {
	if err := ctx.Err(); err != nil {
		return documents.Document{}, failed("get from "+c.name, err)
	}
	doc, err := scan(c.get.QueryRowContext(unhurried(ctx), id))
	if errors.Is(err, sql.ErrNoRows) {
		return documents.Document{}, fmt.Errorf("sqlite: document %q in %s: %w", id, c.name, documents.ErrNotFound)
	}
	return doc, failed("get from "+c.name, err)
}

// GetMany implements documents.Collection.
func (c *collection) GetMany(ctx context.Context, ids []string) (map[string]documents.Document, error) {
	found := make(map[string]documents.Document, len(ids))
	for _, id := range ids {
		doc, err := c.Get(ctx, id)
		switch {
		case err == nil:
			found[id] = doc
		case !errors.Is(err, documents.ErrNotFound):
			return nil, err
		}
	}
	return found, nil
}

// Find implements documents.Collection.
func (c *collection) Find(ctx context.Context, q documents.Query) ([]documents.Document, error) {
	if err := documents.CheckQuery(q, c.indexes); err != nil {
		return nil, err
	}
	if q.AfterID == "" {
		return c.query(ctx, c.list[q.Key], q.Value, q.AfterRank, q.Limit)
	}
	return c.query(ctx, c.listAfter[q.Key], q.Value, q.AfterRank, q.AfterID, q.Limit)
}

// Expired implements documents.Collection.
func (c *collection) Expired(ctx context.Context, before time.Time, limit int) ([]documents.Document, error) {
	if err := documents.CheckLimit(limit); err != nil {
		return nil, err
	}
	return c.query(ctx, c.expired, documents.ExpiryBound(before).UnixMilli(), limit)
}

// All implements documents.Collection.
func (c *collection) All(ctx context.Context, afterID string, limit int) ([]documents.Document, error) {
	if err := documents.CheckLimit(limit); err != nil {
		return nil, err
	}
	return c.query(ctx, c.all, afterID, limit)
}

// Count implements documents.Collection.
func (c *collection) Count(ctx context.Context) (int, error) {
	var n int
	err := c.count.QueryRowContext(ctx).Scan(&n)
	return n, failed("count "+c.name, err)
}

// Checkpoint implements documents.Collection.
func (c *collection) Checkpoint(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, failed("read checkpoint of "+c.name, err)
	}
	var position int64
	err := c.checkpoint.QueryRowContext(unhurried(ctx)).Scan(&position)
	return uint64(position), failed("read checkpoint of "+c.name, err)
}

func (c *collection) query(ctx context.Context, statement *sql.Stmt, args ...any) ([]documents.Document, error) {
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, failed("query "+c.name, err)
	}
	defer rows.Close()
	var docs []documents.Document
	for rows.Next() {
		doc, err := scan(rows)
		if err != nil {
			return nil, failed("query "+c.name, err)
		}
		docs = append(docs, doc)
	}
	return docs, failed("query "+c.name, rows.Err())
}

// scan decodes the columns of one row.
func scan(row interface{ Scan(...any) error }) (documents.Document, error) {
	var doc documents.Document
	var position int64
	var expires sql.NullInt64
	var keys, body []byte
	if err := row.Scan(&doc.ID, &position, &doc.Rank, &expires, &keys, &body); err != nil {
		return documents.Document{}, err
	}
	doc.Position, doc.Body = uint64(position), body
	if expires.Valid {
		doc.ExpiresAt = time.UnixMilli(expires.Int64).UTC()
	}
	if keys != nil {
		if err := json.Unmarshal(keys, &doc.Keys); err != nil {
			return documents.Document{}, fmt.Errorf("keys of document %q: %w", doc.ID, err)
		}
	}
	return doc, nil
}
