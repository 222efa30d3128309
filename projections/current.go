package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/internal/documents"
)

// lookInterval is for how long a reader may go on with a version before it looks
// whether that is still the live one. A version is kept much longer than that
// after the switch to the next.
const lookInterval = time.Second

// Current is the live version of a projection, whichever that is at the moment, as
// one [documents.Collection]. A rebuild switches it from one version to the next
// under its readers:
//
//   - It never goes back: it goes over to a version only once that accounts for
//     everything up to the highest checkpoint that it has told. So whoever asks
//     for the checkpoint first, and for documents then, misses nothing.
//   - If the store has lost the projection, it starts again from an empty version.
//     That can be seen: the checkpoint is back at 0.
type Current struct {
	versions *versions

	turn    chan struct{} // guards what follows
	read    version       // for readers
	written version       // for runners: the live one even if it is behind read
	told    uint64        // the highest checkpoint of read that anybody was told
	looked  time.Time
}

// Open opens the live version of a projection: a [Current]. It makes an empty one if
// there is none.
func Open[S any](ctx context.Context, db documents.Database, p Projection[S]) (documents.Collection, error) {
	l := &Current{versions: newVersions(db, p.Spec()), turn: make(chan struct{}, 1)}
	if _, err := l.reader(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// reader returns the version to read from.
func (l *Current) reader(ctx context.Context) (version, error) {
	read, _, err := l.open(ctx)
	return read, err
}

// writer returns the version to keep up to date.
func (l *Current) writer(ctx context.Context) (version, error) {
	_, written, err := l.open(ctx)
	return written, err
}

func (l *Current) open(ctx context.Context) (read, written version, err error) {
	err = l.locked(ctx, func() error {
		if l.versions.now().Sub(l.looked) >= lookInterval {
			if err := l.look(ctx); err != nil {
				return err
			}
		}
		read, written = l.read, l.written
		return nil
	})
	return read, written, err
}

func (l *Current) locked(ctx context.Context, do func() error) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	return do()
}

// look finds out which versions to read and to write.
func (l *Current) look(ctx context.Context) error {
	m, err := l.versions.read(ctx)
	if err != nil {
		return err
	}
	if l.written.Edition.Collection != m.Live.Collection || l.looked.IsZero() {
		if l.written, err = l.versions.open(ctx, m.Live); err != nil {
			return err
		}
	}
	l.looked = l.versions.now()
	if l.read.Collection == nil || !m.keeps(l.read.Edition) {
		l.read, l.told = l.written, 0
		return nil
	}
	if l.read.Edition == l.written.Edition {
		l.read = l.written // it may have been opened anew
		return nil
	}
	checkpoint, err := l.written.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	if checkpoint >= l.told {
		l.read = l.written
	}
	return nil
}

// forget makes the next call look, and open what it finds anew.
func (l *Current) forget(ctx context.Context) error {
	return l.locked(ctx, func() error {
		l.looked = time.Time{}
		return nil
	})
}

// kept tells whether a version is still one to read from. If it is, so it was at
// all times before: no version comes back.
func (l *Current) kept(ctx context.Context, v version) (bool, error) {
	m, err := l.versions.read(ctx)
	if err != nil || m.keeps(v.Edition) {
		return true, err
	}
	return false, l.forget(ctx)
}

// tell notes that somebody is told a checkpoint of v; false if v is not read from
// any more.
func (l *Current) tell(ctx context.Context, v version, checkpoint uint64) (bool, error) {
	told := false
	err := l.locked(ctx, func() error {
		if told = l.read.Edition == v.Edition; told {
			l.told = max(l.told, checkpoint)
		}
		return nil
	})
	return told, err
}

// use calls do with the version to read from, and a second time if the first
// fails, with what is opened anew: the version may be gone. A store that is too slow is
// not: opening anew is work that would make it slower.
func use[T any](ctx context.Context, l *Current, do func(documents.Collection) (T, error)) (T, error) {
	v, err := l.reader(ctx)
	if err != nil {
		var none T
		return none, err
	}
	result, err := do(v.Collection)
	if err == nil || tooSlow(ctx, err) || errors.Is(err, documents.ErrNotFound) || errors.Is(err, documents.ErrInvalid) {
		return result, err
	}
	if asking := l.forget(ctx); asking != nil {
		return result, err
	}
	if v, err = l.reader(ctx); err != nil {
		return result, err
	}
	return do(v.Collection)
}

// tooSlow tells whether there was no time for an answer.
func tooSlow(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, documents.ErrSlow)
}

// Checkpoint implements documents.Collection.
func (l *Current) Checkpoint(ctx context.Context) (uint64, error) {
	for {
		v, err := l.reader(ctx)
		if err != nil {
			return 0, err
		}
		checkpoint, err := v.Checkpoint(ctx)
		if err != nil && tooSlow(ctx, err) {
			return 0, err
		}
		if err != nil {
			return use(ctx, l, func(c documents.Collection) (uint64, error) { return c.Checkpoint(ctx) })
		}
		if told, err := l.tell(ctx, v, checkpoint); told || err != nil {
			return checkpoint, err
		}
	}
}

// Get implements documents.Collection.
func (l *Current) Get(ctx context.Context, id string) (documents.Document, error) {
	return use(ctx, l, func(c documents.Collection) (documents.Document, error) { return c.Get(ctx, id) })
}

// GetMany implements documents.Collection.
func (l *Current) GetMany(ctx context.Context, ids []string) (map[string]documents.Document, error) {
	return use(ctx, l, func(c documents.Collection) (map[string]documents.Document, error) { return c.GetMany(ctx, ids) })
}

// Find implements documents.Collection.
func (l *Current) Find(ctx context.Context, q documents.Query) ([]documents.Document, error) {
	return use(ctx, l, func(c documents.Collection) ([]documents.Document, error) { return c.Find(ctx, q) })
}

// Expired implements documents.Collection.
func (l *Current) Expired(ctx context.Context, before time.Time, limit int) ([]documents.Document, error) {
	return use(ctx, l, func(c documents.Collection) ([]documents.Document, error) { return c.Expired(ctx, before, limit) })
}

// All implements documents.Collection.
func (l *Current) All(ctx context.Context, afterID string, limit int) ([]documents.Document, error) {
	return use(ctx, l, func(c documents.Collection) ([]documents.Document, error) { return c.All(ctx, afterID, limit) })
}

// Count implements documents.Collection.
func (l *Current) Count(ctx context.Context) (int, error) {
	return use(ctx, l, func(c documents.Collection) (int, error) { return c.Count(ctx) })
}

// Replace implements documents.Collection.
func (l *Current) Replace(ctx context.Context, docs []documents.Document) error {
	return l.write(ctx, func(c documents.Collection) error { return c.Replace(ctx, docs) })
}

// Delete implements documents.Collection.
func (l *Current) Delete(ctx context.Context, ids []string) error {
	return l.write(ctx, func(c documents.Collection) error { return c.Delete(ctx, ids) })
}

// SaveCheckpoint implements documents.Collection.
func (l *Current) SaveCheckpoint(ctx context.Context, position uint64) error {
	return l.write(ctx, func(c documents.Collection) error { return c.SaveCheckpoint(ctx, position) })
}

func (l *Current) write(ctx context.Context, do func(documents.Collection) error) error {
	c, err := l.writer(ctx)
	if err != nil {
		return err
	}
	return do(c)
}
