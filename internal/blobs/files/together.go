package files

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"awala.network/gateway/internal/blobs"
)

const (
	// togetherName is the file of the objects that are kept together.
	togetherName = "together.sqlite"
	// maxCommit bounds the changes of one commit, and so its memory.
	maxCommit = 256
	// togetherReaders is how many reads run at once: each holds one connection.
	togetherReaders = 4
	// listPage is how many objects a listing holds in memory.
	listPage = 500
	// idleAfter is how long after the last change the log is emptied, so that what
	// was deleted does not stand in it for longer.
	idleAfter = time.Second
)

// together keeps objects in one SQLite file, in WAL mode. What callers change at the
// same time is committed together, each commit synced: so an object costs a part of
// an fsync, where a file of its own costs two, and no folder entries. What is deleted
// is overwritten.
//
// A row is seen by readers once its commit is synced, so what is seen is durable.
type together struct {
	writer  *sql.DB // one connection
	readers *sql.DB
	usage   *usage

	changes chan *change
	stopped chan struct{}

	// What follows is the writing goroutine's.

	put, claim, remove, size *sql.Stmt
	// commit ends a transaction. It is a field so that tests can make it fail before
	// or after it took effect.
	commit func(*sql.Tx) error
	// counted is what usage holds for the rows; unsure tells that a commit failed since.
	counted int64
	unsure  bool

	get, stat, list *sql.Stmt // on the readers
}

// change is a Put or a Delete on its way to the disk. The goroutine that asks for it
// waits until it is answered.
type change struct {
	key    string
	body   []byte
	meta   blobs.Meta
	remove bool

	freed  int64 // octets of what was replaced or removed
	exists bool  // the key was taken, and meta.IfAbsent
	done   chan error
}

// openTogether opens the file in the folder dir, making it if necessary, and counts
// what is in it.
func openTogether(dir string, u *usage) (_ *together, err error) {
	t := &together{usage: u, changes: make(chan *change), stopped: make(chan struct{}), commit: (*sql.Tx).Commit}
	path := filepath.Join(dir, togetherName)
	if t.writer, err = connect(path, 1, "synchronous(FULL)", "secure_delete(ON)"); err != nil {
		return nil, err
	}
	if t.readers, err = connect(path, togetherReaders, "query_only(ON)"); err != nil {
		return nil, errors.Join(err, t.writer.Close())
	}
	if err := t.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), t.readers.Close(), t.writer.Close())
	}
	go t.run()
	return t, nil
}

// connect prepares a pool of connections; none is opened yet.
func connect(path string, connections int, pragmas ...string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	options := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{"journal_mode(WAL)", "busy_timeout(10000)"}, pragmas...)}
	source := url.URL{Scheme: "file", Path: absolute, RawQuery: options.Encode()}
	pool, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

func (t *together) prepare() error {
	_, err := t.writer.Exec(`CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, stored INTEGER NOT NULL,
		expires INTEGER NOT NULL, type TEXT NOT NULL, sum INTEGER NOT NULL, body BLOB NOT NULL)`)
	if err != nil {
		return err
	}
	const columns, values = `(key, stored, expires, type, sum, body)`, `(?, ?, ?, ?, ?, ?)`
	for _, s := range []struct {
		to   **sql.Stmt
		on   *sql.DB
		text string
	}{
		{&t.claim, t.writer, `INSERT INTO objects ` + columns + ` VALUES ` + values + ` ON CONFLICT DO NOTHING`},
		{&t.put, t.writer, `REPLACE INTO objects ` + columns + ` VALUES ` + values},
		{&t.remove, t.writer, `DELETE FROM objects WHERE key = ?`},
		{&t.size, t.writer, `SELECT length(body) FROM objects WHERE key = ?`},
		{&t.get, t.readers, `SELECT stored, expires, type, sum, body FROM objects WHERE key = ?`},
		{&t.stat, t.readers, `SELECT stored, expires, type, length(body) FROM objects WHERE key = ?`},
		{&t.list, t.readers, `SELECT key, stored, length(body) FROM objects WHERE key >= ? AND key > ? ORDER BY key LIMIT ?`},
	} {
		if *s.to, err = s.on.Prepare(s.text); err != nil {
			return err
		}
	}
	return t.count()
}

// count makes usage exact.
func (t *together) count() error {
	var octets int64
	err := t.writer.QueryRow(`SELECT coalesce(sum(length(body) + ?), 0) FROM objects`, headerLen).Scan(&octets)
	if err == nil {
		t.usage.used.Add(octets - t.counted)
		t.counted, t.unsure = octets, false
	}
	return err
}

// close ends the writing goroutine. No call may be under way or come later.
func (t *together) close() error {
	close(t.changes)
	<-t.stopped
	return errors.Join(t.readers.Close(), t.writer.Close())
}

// --- writing --------------------------------------------------------------------

// ask has a change made and returns once it is on the disk. It gives up when ctx is
// done only as long as the change has not begun.
func (t *together) ask(ctx context.Context, c *change) error {
	c.done = make(chan error, 1)
	select {
	case t.changes <- c:
		return <-c.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run makes the changes that have come since the last commit, again and again.
func (t *together) run() {
	defer close(t.stopped)
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	for {
		select {
		case c, ok := <-t.changes:
			if !ok {
				return
			}
			t.make(t.gather(c))
			idle.Reset(idleAfter)
		case <-idle.C:
			// An economy: closing does it, too.
			_, _ = t.writer.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
		}
	}
}

func (t *together) gather(first *change) []*change {
	batch := []*change{first}
	for len(batch) < maxCommit {
		select {
		case c, ok := <-t.changes:
			if !ok {
				return batch // run sees it, too
			}
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// make makes the changes in one transaction and answers them. If it fails, all have
// failed, and any of them may nevertheless be made.
func (t *together) make(batch []*change) {
	err := t.transact(batch)
	if err == nil {
		for _, c := range batch {
			t.counted += c.octets()
		}
	}
	if t.unsure = t.unsure || err != nil; t.unsure {
		_ = t.count() // or after the next
	}
	for _, c := range batch {
		c.done <- err
	}
}

// octets is by how much the change, which was made, has changed what is kept.
func (c *change) octets() int64 {
	if c.remove || c.exists {
		return -c.freed
	}
	return int64(headerLen+len(c.body)) - c.freed
}

func (t *together) transact(batch []*change) error {
	tx, err := t.writer.Begin()
	if err != nil {
		return failedTogether(err)
	}
	bound := &together{put: tx.Stmt(t.put), claim: tx.Stmt(t.claim), remove: tx.Stmt(t.remove), size: tx.Stmt(t.size)}
	for _, c := range batch {
		if err := bound.apply(c); err != nil {
			return failedTogether(errors.Join(err, tx.Rollback()))
		}
	}
	if err := t.commit(tx); err != nil {
		_ = tx.Rollback() // if it is not over
		return failedTogether(err)
	}
	return nil
}

// apply makes one change, within a transaction.
func (t *together) apply(c *change) error {
	if c.remove {
		if err := t.former(c); err != nil || c.freed == 0 {
			return err
		}
		_, err := t.remove.Exec(c.key)
		return err
	}
	var expires int64
	if !c.meta.ExpiresAt.IsZero() {
		expires = c.meta.ExpiresAt.Unix()
	}
	body := c.body
	if body == nil {
		body = []byte{} // nil is NULL
	}
	values := []any{c.key, time.Now().UnixNano(), expires, c.meta.ContentType, int64(crc32.Checksum(c.body, castagnoli)), body}
	result, err := t.claim.Exec(values...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	if c.exists = c.meta.IfAbsent; c.exists {
		return nil
	}
	if err := t.former(c); err != nil {
		return err
	}
	_, err = t.put.Exec(values...)
	return err
}

// former notes the size of what is there.
func (t *together) former(c *change) error {
	var size int64
	err := t.size.QueryRow(c.key).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	c.freed = headerLen + size
	return err
}

// failedTogether gives errors their class.
func failedTogether(err error) error {
	var coded *sqlitedriver.Error
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case sqlite3.SQLITE_FULL: // the mark of the commit, which comes last, was not written
			return fmt.Errorf("%w: %w", blobs.ErrFull, err)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%w: %w", blobs.ErrCorrupt, err)
		}
	}
	return err
}

// --- reading --------------------------------------------------------------------

// Reads are short, so a context is looked at before them only: to have a goroutine wait
// for its end costs as much as the read.

// read returns an object, or blobs.ErrNotFound.
func (t *together) read(ctx context.Context, key string) ([]byte, blobs.Meta, error) {
	var (
		stored, expires int64
		sum             uint32
		kind            string
		body            []byte
	)
	if err := ctx.Err(); err != nil {
		return nil, blobs.Meta{}, err
	}
	if err := found(t.get.QueryRow(key).Scan(&stored, &expires, &kind, &sum, &body)); err != nil {
		return nil, blobs.Meta{}, err
	}
	h := header{size: int64(len(body)), sum: sum}
	return body, meta(kind, expires), h.check(body)
}

// describe returns what is known of an object, or blobs.ErrNotFound.
func (t *together) describe(ctx context.Context, key string) (blobs.Info, error) {
	var (
		stored, expires, size int64
		kind                  string
	)
	if err := ctx.Err(); err != nil {
		return blobs.Info{}, err
	}
	if err := found(t.stat.QueryRow(key).Scan(&stored, &expires, &kind, &size)); err != nil {
		return blobs.Info{}, err
	}
	return blobs.Info{Key: key, Size: size, StoredAt: time.Unix(0, stored).UTC(), Meta: meta(kind, expires)}, nil
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return blobs.ErrNotFound
	}
	return failedTogether(err)
}

func meta(kind string, expires int64) blobs.Meta {
	m := blobs.Meta{ContentType: kind}
	if expires != 0 {
		m.ExpiresAt = time.Unix(expires, 0).UTC()
	}
	return m
}

// walk yields the objects under prefix in order, a page in memory; the first error is
// the last item.
func (t *together) walk(ctx context.Context, prefix string) iter.Seq2[blobs.Info, error] {
	return func(yield func(blobs.Info, error) bool) {
		after := ""
		for {
			page, err := t.page(ctx, prefix, after)
			if err != nil {
				yield(blobs.Info{}, err)
				return
			}
			for _, info := range page {
				if !strings.HasPrefix(info.Key, prefix) || !yield(info, nil) {
					return
				}
			}
			if len(page) < listPage {
				return
			}
			after = page[len(page)-1].Key
		}
	}
}

func (t *together) page(ctx context.Context, prefix, after string) ([]blobs.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := t.list.Query(prefix, after, listPage)
	if err != nil {
		return nil, failedTogether(err)
	}
	defer rows.Close()
	var page []blobs.Info
	for rows.Next() {
		var info blobs.Info
		var stored int64
		if err := rows.Scan(&info.Key, &stored, &info.Size); err != nil {
			return nil, failedTogether(err)
		}
		info.StoredAt = time.Unix(0, stored).UTC()
		page = append(page, info)
	}
	return page, failedTogether(rows.Err())
}
