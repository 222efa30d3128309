// Package sealed keeps secrets in files of one machine, for gateways without
// Vault. Each record is sealed with an AEAD (AES-256-GCM by Tink) whose
// associated data is the record's path, so that a record can neither be read
// nor put in the place of another without the keyset.
//
// Under the folder that Open gets, which only this user may enter:
//
//	keyset       the AEAD's keys, in the clear or wrapped by a passphrase
//	records/     one sealed file for each path
//	unfinished/  files being written; swept by Open
//	lock         held while the store is open
//
// A keyset in the clear protects records that are copied without it; to protect
// the whole folder, keep a passphrase elsewhere.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/tink"

	"awala.network/gateway/internal/durable"
	"awala.network/gateway/internal/keystore"
)

// Options say how the keyset is kept.
type Options struct {
	// Passphrase wraps the keyset; nil leaves it in the clear. A folder is
	// opened in the way that it was made. Any secret octets will do; files that
	// hold them should be stripped of their newline first.
	Passphrase []byte
	// FS is the file system; nil means durable.OS.
	FS durable.FS
}

// Store is a keystore.Secrets. Make one with Open.
type Store struct {
	fs         durable.FS
	records    string // folder
	unfinished string // folder
	aead       tink.AEAD
	lock       io.Closer
}

var _ keystore.Secrets = (*Store)(nil)

// Open opens the store in the folder dir. An empty or missing folder becomes a
// new store with a new keyset. It fails if the folder is in use, if its keyset
// is missing although there are records, or if the passphrase is wrong.
func Open(dir string, o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = durable.OS
	}
	s := &Store{
		fs:         o.FS,
		records:    filepath.Join(dir, "records"),
		unfinished: filepath.Join(dir, "unfinished"),
	}
	for _, folder := range []string{s.records, s.unfinished} {
		if err := durable.MkdirAll(o.FS, folder, 0o700); err != nil {
			return nil, fmt.Errorf("key folder: %w", err)
		}
	}
	lock, err := o.FS.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("key folder is in use: %w", err)
	}
	s.lock = lock
	if err := s.start(dir, o.Passphrase); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("key folder: %w", err)
	}
	return s, nil
}

// start puts the folder in order and gets the keyset.
func (s *Store) start(dir string, passphrase []byte) error {
	if err := checkPrivate(s.fs, dir); err != nil {
		return err
	}
	// A process may have made the folders and died before it synced them.
	if err := errors.Join(durable.SyncParent(s.fs, dir), s.fs.SyncDir(dir), s.fs.SyncDir(s.records)); err != nil {
		return err
	}
	if err := durable.Sweep(s.fs, s.unfinished); err != nil {
		return err
	}
	aead, err := s.keyset(filepath.Join(dir, "keyset"), passphrase)
	s.aead = aead
	return err
}

// keyset reads the keyset file, or makes it in a new store.
func (s *Store) keyset(name string, passphrase []byte) (tink.AEAD, error) {
	raw, err := durable.ReadFile(s.fs, name, maxKeysetLen)
	if err == nil {
		if err := checkPrivate(s.fs, name); err != nil {
			return nil, err
		}
		return parseKeyset(raw, passphrase)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	entries, err := s.fs.ReadDir(s.records)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is missing, and the %d records cannot be read without it", name, len(entries))
	}
	raw, aead, err := newKeyset(passphrase)
	if err != nil {
		return nil, err
	}
	return aead, durable.CreateFile(s.fs, name, s.unfinished, 0o600, raw)
}

// checkPrivate refuses what other users may read.
func checkPrivate(fsys durable.FS, name string) error {
	info, err := fsys.Stat(name)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is open to other users (mode %v)", name, info.Mode().Perm())
	}
	return nil
}

// Close lets others open the folder. No method may be running or called later.
func (s *Store) Close() error { return s.lock.Close() }

// Get implements keystore.Secrets.
func (s *Store) Get(ctx context.Context, path string) (keystore.Record, error) {
	if err := check(ctx, path); err != nil {
		return nil, err
	}
	raw, err := durable.ReadFile(s.fs, s.file(path), maxSealedLen)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, keystore.ErrNotFound
	case errors.Is(err, durable.ErrTooLong):
		return nil, fmt.Errorf("%w: %w", keystore.ErrCorrupt, err)
	case err != nil:
		return nil, err
	}
	r, err := open(s.aead, path, raw)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", path, err)
	}
	return r, nil
}

// Put implements keystore.Secrets.
func (s *Store) Put(ctx context.Context, path string, r keystore.Record) error {
	if err := keystore.CheckRecord(path, r); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := seal(s.aead, path, r)
	if err != nil {
		return fmt.Errorf("record %s: %w", path, err)
	}
	return durable.WriteFile(s.fs, s.file(path), s.unfinished, 0o600, raw)
}

// Create implements keystore.Secrets.
func (s *Store) Create(ctx context.Context, path string, r keystore.Record) error {
	if err := keystore.CheckRecord(path, r); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := seal(s.aead, path, r)
	if err != nil {
		return fmt.Errorf("record %s: %w", path, err)
	}
	err = durable.CreateFile(s.fs, s.file(path), s.unfinished, 0o600, raw)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("record %s: %w", path, keystore.ErrExists)
	}
	return err
}

// Delete implements keystore.Secrets. The deletion is durable, too.
func (s *Store) Delete(ctx context.Context, path string) error {
	if err := check(ctx, path); err != nil {
		return err
	}
	if err := s.fs.Remove(s.file(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.fs.SyncDir(s.records)
}

// List implements keystore.Secrets.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := s.fs.ReadDir(s.records)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && keystore.CheckPath(e.Name()) == nil {
			paths = append(paths, e.Name())
		}
	}
	slices.Sort(paths)
	return paths, nil
}

func (s *Store) file(path string) string { return filepath.Join(s.records, path) }

func check(ctx context.Context, path string) error {
	if err := keystore.CheckPath(path); err != nil {
		return err
	}
	return ctx.Err()
}
