package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"awala.network/gateway/internal/documents"
)

// createCheckpoints makes the table that lists the collections.
func createCheckpoints(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS checkpoints (
		collection TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID`)
	return err
}

// table names the table of a collection. Names are checked, so nothing needs to be
// escaped, and the prefix keeps them apart from the table of checkpoints.
func table(name string) string { return "documents_" + name }

// Collection implements documents.Database. Open a collection once and keep it;
// the same name and indexes give the same handle again.
func (d *Database) Collection(ctx context.Context, name string, indexes []string) (documents.Collection, error) {
	indexes, err := documents.CheckCollection(name, indexes)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Also of a known collection: another process may have dropped it.
	err = d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return createTable(ctx, tx, name, indexes)
	})
	if err != nil {
		return nil, failed("create collection "+name, err)
	}
	handle := name + " " + strings.Join(indexes, " ")
	if c, ok := d.collections[handle]; ok {
		return c, nil
	}
	c, err := d.prepare(ctx, name, indexes)
	if err != nil {
		return nil, failed("open collection "+name, err)
	}
	d.collections[handle] = c
	return c, nil
}

// createTable makes a collection's table and indexes. The lists that Find reads
// are partial indexes over an expression: they hold listed documents only, and a
// new one covers the documents that are already there.
func createTable(ctx context.Context, tx *sql.Tx, name string, indexes []string) error {
	t := table(name)
	statements := []string{
		`CREATE TABLE IF NOT EXISTS ` + t + ` (id TEXT PRIMARY KEY, position INTEGER NOT NULL,
			rank INTEGER NOT NULL, expires INTEGER, keys TEXT, body TEXT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS ` + t + `__expires ON ` + t + ` (expires, id) WHERE expires IS NOT NULL`,
		`INSERT INTO checkpoints VALUES ('` + name + `', 0) ON CONFLICT DO NOTHING`,
	}
	for _, key := range indexes {
		statements = append(statements, fmt.Sprintf(
			`CREATE INDEX IF NOT EXISTS %s__key_%s ON %s (%s, rank, id) WHERE rank > 0`, t, key, t, keyColumn(key)))
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// keyColumn is the expression that the index of a key covers and that a query must
// repeat to use it.
func keyColumn(key string) string { return `keys ->> '$.` + key + `'` }

// Drop implements documents.Database; here it happens at once or not at all.
func (d *Database) Drop(ctx context.Context, name string) error {
	if _, err := documents.CheckCollection(name, nil); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE collection = ?`, name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DROP TABLE IF EXISTS `+table(name))
		return err
	})
	if err != nil {
		return failed("drop collection "+name, err)
	}
	return failed("drop collection "+name, d.forget(name))
}

// forget closes the handles of a collection that is gone.
func (d *Database) forget(name string) error {
	var first error
	for handle, c := range d.collections {
		if c.name != name {
			continue
		}
		delete(d.collections, handle)
		if err := c.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Names implements documents.Database.
func (d *Database) Names(ctx context.Context) ([]string, error) {
	rows, err := d.readers.QueryContext(ctx, `SELECT collection FROM checkpoints`)
	if err != nil {
		return nil, failed("list collections", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, failed("list collections", err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, failed("list collections", rows.Err())
}
