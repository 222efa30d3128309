package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/durable"
)

// Put implements blobs.Store. The context is looked at before each step, but a
// system call that has begun is waited for.
func (s *Store) Put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	m, err := blobs.CheckPut(key, body, m)
	if err != nil {
		return err
	}
	err = s.put(ctx, key, body, m)
	if errors.Is(err, fs.ErrNotExist) {
		// A folder that we made was removed behind our back: make it again.
		s.folders.forget(s.place(key).folder)
		err = s.put(ctx, key, body, m)
	}
	if err != nil {
		return fmt.Errorf("put blob %s: %w", key, err)
	}
	return nil
}

func (s *Store) put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lock := s.keyLock(key)
	lock.Lock()
	defer lock.Unlock()
	at := s.place(key)
	if s.together != nil && len(body) <= s.small {
		return s.putRow(ctx, key, at, body, m)
	}
	isRow, err := s.isRow(ctx, key)
	if err != nil {
		return err
	}
	if isRow && m.IfAbsent {
		return blobs.ErrExists // what can be read is durable
	}
	if err := s.putFile(ctx, at, body, m); err != nil || !isRow {
		return err
	}
	return s.removeRow(ctx, key)
}

// putFile stores an object in a file of its own.
func (s *Store) putFile(ctx context.Context, at place, body []byte, m blobs.Meta) error {
	defer s.folders.unpin(at.folder)
	if err := s.folders.pin(at.folder); err != nil {
		return full(err)
	}
	if m.IfAbsent {
		if _, err := s.fs.Stat(at.file); err == nil {
			return s.exists(at)
		}
	}
	return s.store(ctx, at, body, m)
}

// store writes the object into its folder, which is pinned.
func (s *Store) store(ctx context.Context, at place, body []byte, m blobs.Meta) error {
	size := int64(headerLen + len(body))
	if err := s.usage.reserve(size); err != nil {
		return err
	}
	staged, err := durable.Stage(s.fs, s.unfinished, 0o600, formatHeader(body, m), body)
	if err != nil {
		s.usage.release(size)
		return full(err)
	}
	if err := ctx.Err(); err != nil {
		s.usage.release(size)
		return errors.Join(err, staged.Discard())
	}
	switch err := s.publish(at, staged, size, m.IfAbsent); {
	case m.IfAbsent && errors.Is(err, fs.ErrExist):
		return s.exists(at)
	case err != nil:
		return full(err)
	default:
		return s.fs.SyncDir(filepath.Dir(at.file))
	}
}

// publish gives the staged file, whose size is reserved, its name.
func (s *Store) publish(at place, staged *durable.Staged, size int64, ifAbsent bool) error {
	publish, former := staged.Replace, s.size(at)
	if ifAbsent {
		publish = staged.Claim
	}
	err := publish(at.file)
	// Asked again, because a call that failed may have been done.
	s.usage.release(size + former - s.size(at))
	return err
}

// putRow stores an object in the database, and then removes the file that it takes
// the place of.
func (s *Store) putRow(ctx context.Context, key string, at place, body []byte, m blobs.Meta) error {
	isFile := s.size(at) > 0
	if isFile && m.IfAbsent {
		return s.exists(at)
	}
	c := &change{key: key, body: body, meta: m}
	size := int64(headerLen + len(body))
	if err := s.usage.reserve(size); err != nil {
		if isRow, asked := s.isRow(ctx, key); m.IfAbsent && isRow && asked == nil {
			return blobs.ErrExists
		}
		return err
	}
	if err := s.together.ask(ctx, c); err != nil {
		s.usage.release(size)
		return err
	}
	s.usage.release(size - c.octets())
	if c.exists {
		return blobs.ErrExists
	}
	if !isFile {
		return nil
	}
	if err := s.removeFile(at); err != nil {
		return err
	}
	return s.fs.SyncDir(filepath.Dir(at.file)) // else it may be back once the row is deleted
}

// isRow tells whether the object is in the database.
func (s *Store) isRow(ctx context.Context, key string) (bool, error) {
	if s.together == nil {
		return false, nil
	}
	_, err := s.together.describe(ctx, key)
	if errors.Is(err, blobs.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// size returns the size of the file at a place, 0 if there is none.
func (s *Store) size(at place) int64 {
	info, err := s.fs.Stat(at.file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// exists returns blobs.ErrExists once that is the truth that it promises: the
// object may have been put a moment ago by somebody who has not synced the
// folder yet.
func (s *Store) exists(at place) error {
	if err := s.fs.SyncDir(filepath.Dir(at.file)); err != nil {
		return err
	}
	return blobs.ErrExists
}

// Delete implements blobs.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := blobs.CheckKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	at := s.place(key)
	if err := s.remove(ctx, key, at); err != nil {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	s.folders.prune(at.folder)
	return nil
}

// remove removes the file first: it is not to be seen again when the row is gone.
func (s *Store) remove(ctx context.Context, key string, at place) error {
	lock := s.keyLock(key)
	lock.Lock()
	defer lock.Unlock()
	if err := s.removeFile(at); err != nil || s.together == nil {
		return err
	}
	return s.removeRow(ctx, key)
}

func (s *Store) removeRow(ctx context.Context, key string) error {
	c := &change{key: key, remove: true}
	err := s.together.ask(ctx, c)
	if err == nil {
		s.usage.release(-c.octets())
	}
	return err
}

func (s *Store) removeFile(at place) error {
	if _, err := s.fs.Stat(at.file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	former := s.size(at)
	err := s.fs.Remove(at.file)
	s.usage.release(former - s.size(at))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
