package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"awala.network/gateway/internal/documents"
)

// collection is a documents.Collection: a table and the statements prepared for it.
type collection struct {
	database *Database
	name     string
	indexes  []string

	upsert, remove                       *sql.Stmt // on the writer
	get, expired, all, count, checkpoint *sql.Stmt // on the readers
	list, listAfter                      map[string]*sql.Stmt
	saveCheckpoint                       *sql.Stmt
	statements                           []*sql.Stmt
}

const columns = `id, position, rank, expires, keys, body`

// prepare makes the handle of a collection whose table exists.
func (d *Database) prepare(ctx context.Context, name string, indexes []string) (*collection, error) {
	c := &collection{
		database: d, name: name, indexes: indexes,
		list: map[string]*sql.Stmt{}, listAfter: map[string]*sql.Stmt{},
	}
	var errs []error
	statement := func(on *sql.DB, text string) *sql.Stmt {
		s, err := on.PrepareContext(ctx, text)
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		c.statements = append(c.statements, s)
		return s
	}
	t := table(name)
	c.upsert = statement(d.writer, `INSERT INTO `+t+` (`+columns+`) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET position = excluded.position, rank = excluded.rank,
			expires = excluded.expires, keys = excluded.keys, body = excluded.body
		WHERE position < excluded.position`)
	c.remove = statement(d.writer, `DELETE FROM `+t+` WHERE id = ?`)
	c.saveCheckpoint = statement(d.writer, `INSERT INTO checkpoints VALUES ('`+name+`', ?)
		ON CONFLICT (collection) DO UPDATE SET position = excluded.position WHERE position < excluded.position`)
	c.get = statement(d.readers, `SELECT `+columns+` FROM `+t+` WHERE id = ?`)
	c.expired = statement(d.readers, `SELECT `+columns+` FROM `+t+`
		WHERE expires IS NOT NULL AND expires < ? ORDER BY expires, id LIMIT ?`)
	c.all = statement(d.readers, `SELECT `+columns+` FROM `+t+` WHERE id > ? ORDER BY id LIMIT ?`)
	c.count = statement(d.readers, `SELECT count(*) FROM `+t)
	c.checkpoint = statement(d.readers, `SELECT position FROM checkpoints WHERE collection = '`+name+`'`)
	for _, key := range indexes {
		list := `SELECT ` + columns + ` FROM ` + t + ` WHERE ` + keyColumn(key) + ` = ? AND rank > 0 AND `
		c.list[key] = statement(d.readers, list+`rank > ? ORDER BY rank, id LIMIT ?`)
		c.listAfter[key] = statement(d.readers, list+`(rank, id) > (?, ?) ORDER BY rank, id LIMIT ?`)
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, c.close())...)
	}
	return c, nil
}

func (c *collection) close() error {
	var errs []error
	for _, statement := range c.statements {
		errs = append(errs, statement.Close())
	}
	return errors.Join(errs...)
}

// Replace implements documents.Collection; here all documents are stored or none.
func (c *collection) Replace(ctx context.Context, docs []documents.Document) error {
	docs, err := documents.Prepare(docs, c.indexes)
	if err != nil || len(docs) == 0 {
		return err
	}
	rows := make([][]any, len(docs))
	for i, doc := range docs {
		if rows[i], err = row(doc); err != nil {
			return fmt.Errorf("sqlite: encode document %q: %w", doc.ID, err)
		}
	}
	return failed("replace in "+c.name, c.database.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return repeat(ctx, tx, c.upsert, rows)
	}))
}

// Delete implements documents.Collection; here all documents are removed or none.
func (c *collection) Delete(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{id}
	}
	return failed("delete in "+c.name, c.database.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return repeat(ctx, tx, c.remove, rows)
	}))
}

// SaveCheckpoint implements documents.Collection. It syncs the log.
func (c *collection) SaveCheckpoint(ctx context.Context, position uint64) error {
	if err := documents.CheckPosition(position); err != nil {
		return err
	}
	return failed("save checkpoint of "+c.name, c.database.writeSynced(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return repeat(ctx, tx, c.saveCheckpoint, [][]any{{int64(position)}})
	}))
}

func repeat(ctx context.Context, tx *sql.Tx, statement *sql.Stmt, rows [][]any) error {
	bound := tx.StmtContext(ctx, statement)
	defer bound.Close()
	for _, values := range rows {
		if _, err := bound.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}

// row encodes a prepared document as the values of columns.
func row(doc documents.Document) ([]any, error) {
	var expires, keys any
	if !doc.ExpiresAt.IsZero() {
		expires = doc.ExpiresAt.UnixMilli()
	}
	if doc.Keys != nil {
		encoded, err := json.Marshal(doc.Keys)
		if err != nil {
			return nil, err
		}
		keys = string(encoded)
	}
	var body bytes.Buffer
	if err := json.Compact(&body, doc.Body); err != nil {
		return nil, err
	}
	return []any{doc.ID, int64(doc.Position), doc.Rank, expires, keys, body.String()}, nil
}
