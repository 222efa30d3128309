// Package sqlite keeps projections (package documents) in one SQLite file, for a
// gateway that runs in one process with nothing to install.
//
// Every collection is a table, its checkpoint a row in a common table of the same
// file. The file is in WAL mode: one writer, readers that never wait for it. A
// commit of documents is not synced by itself; a commit of a checkpoint is, and
// because a log is synced up to its end, everything committed before it is safe
// with it. The log is replayed in order, so a power loss takes away the newest
// commits only, and the checkpoint never gets ahead of its documents.
//
// The file belongs to this package. Other processes may open it as well, to read
// it with SQLite's own tools for instance; the Body column is JSON text.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"awala.network/gateway/internal/fault"
)

const (
	// readers is how many reads run at once: each holds one connection.
	readers = 4

	// busyTimeout is how long a write waits for another process's write.
	busyTimeout = 30 * time.Second

	// cacheKiB is the page cache of one connection.
	cacheKiB = 16 << 10
)

// Database is a documents.Database in one file. It is safe for concurrent use.
type Database struct {
	writer  *sql.DB
	readers *sql.DB

	// commit ends a write. It is a field so that tests can make it fail before or
	// after it took effect.
	commit func(*sql.Tx) error

	mu          sync.Mutex
	collections map[string]*collection
}

// Open opens the file at path, creating it, readable by its owner only, if it does
// not exist. A file that is damaged is a fault.Fatal: remove it, with the -wal and
// -shm files beside it, and the projections are rebuilt from the event history.
func Open(ctx context.Context, path string) (*Database, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	d := &Database{commit: (*sql.Tx).Commit, collections: map[string]*collection{}}
	if d.writer, err = connect(path, 1, nil); err != nil {
		return nil, err
	}
	if d.readers, err = connect(path, readers, []string{"query_only(1)"}); err != nil {
		return nil, errors.Join(err, d.writer.Close())
	}
	if err := d.write(ctx, createCheckpoints); err != nil {
		return nil, errors.Join(advised(failed("open "+path, err)), d.Close(ctx))
	}
	return d, nil
}

// advised tells who reads of a damaged file what to do.
func advised(err error) error {
	if fault.IsFatal(err) {
		return fmt.Errorf("%w; move it away, with the -wal and -shm files beside it: projections are rebuilt from the event history", err)
	}
	return err
}

// connect prepares a pool of connections; none is opened yet.
func connect(path string, connections int, pragmas []string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	options := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		"busy_timeout(" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + ")",
		"journal_mode(WAL)",
		"synchronous(NORMAL)",
		"cache_size(-" + strconv.Itoa(cacheKiB) + ")",
	}, pragmas...)}
	source := url.URL{Scheme: "file", Path: absolute, RawQuery: options.Encode()}
	pool, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

// Close implements documents.Database.
func (d *Database) Close(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, c := range d.collections {
		errs = append(errs, c.close())
	}
	d.collections = nil
	return errors.Join(append(errs, d.readers.Close(), d.writer.Close())...)
}

// write runs one transaction of the one writer.
func (d *Database) write(ctx context.Context, change func(context.Context, *sql.Tx) error) error {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return err
	}
	return errors.Join(d.writeOn(ctx, conn, change), conn.Close())
}

// writeSynced is write with the log synced before it returns.
func (d *Database) writeSynced(ctx context.Context, change func(context.Context, *sql.Tx) error) error {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return errors.Join(err, conn.Close())
	}
	err = d.writeOn(ctx, conn, change)
	_, relaxed := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = NORMAL")
	return errors.Join(err, relaxed, conn.Close())
}

func (d *Database) writeOn(ctx context.Context, conn *sql.Conn, change func(context.Context, *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = unhurried(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := change(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := d.commit(tx); err != nil {
		if undo := tx.Rollback(); !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return err
	}
	return nil
}

// unhurried lets what has begun come to its end, which it does soon. The driver and
// package sql have a goroutine each wait for the end of a context, anew for every
// statement, and for the transaction: together they cost about as much as the statement.
func unhurried(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// failed names what failed and classifies it: a damaged file is fatal.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sqlite: %s: %w", what, err)
	var coded *sqlitedriver.Error
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fault.Fatal(err)
		}
	}
	return err
}
