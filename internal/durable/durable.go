// Package durable publishes whole files so that neither a crash nor a power
// failure leaves part of one: a reader finds the old file or the new one, and
// what a function here acknowledged is on the disk.
//
// The happy path of WriteFile is exactly these system calls, in this order:
//
//	openat(temp/X, O_CREAT|O_EXCL)  write  fsync  close
//	renameat(temp/X, name)
//	openat(folder of name)  fsync  close
//
// A file whose fsync failed is thrown away and never synced again, because
// Linux may report a lost write only once. After a failed fsync of a folder the
// file is visible but perhaps not durable; journalling file systems do not
// recover from that by themselves, so a later fsync of the folder that succeeds
// may be believed.
//
// The system calls stand behind the small interface FS, so that tests can fail
// each one of them and pull the plug between any two (package durabletest).
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// ErrTooLong is what ReadFile returns for a file over the limit.
var ErrTooLong = errors.New("file is too long")

// File is an open file; *os.File is one.
type File interface {
	io.ReadWriteCloser
	// Stat describes the file that is open, whatever its name means by now.
	Stat() (fs.FileInfo, error)
	// Sync returns when content and size are on the disk.
	Sync() error
}

// FS is what durable storage asks of a file system. Errors are those of package
// os: errors.Is with fs.ErrNotExist, fs.ErrExist and syscall.Errno works.
type FS interface {
	// Create makes a new file and opens it for writing.
	Create(name string, perm fs.FileMode) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Stat describes the file or folder, without following a link.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir returns the entries of a folder in any order.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Mkdir makes one folder.
	Mkdir(name string, perm fs.FileMode) error
	// Rename moves a file over what is at to, atomically.
	Rename(from, to string) error
	// Link gives a file a second name, unless to exists.
	Link(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// SyncDir returns when the folder's entries are on the disk.
	SyncDir(name string) error
	// Free returns how many octets the disk of name has left for this process.
	Free(name string) (uint64, error)
	// Lock makes the file and locks it against other processes, until Close. It
	// fails at once if another has it.
	Lock(name string) (io.Closer, error)
}

// Staged is a complete and synced file that has no lasting name yet. End it
// with one of its methods.
type Staged struct {
	fs   FS
	temp string
}

// Stage writes parts, one after the other, to a new file in folder and syncs
// it. If it fails, the file is gone, or left for Sweep when even removing it
// failed.
func Stage(fsys FS, folder string, perm fs.FileMode, parts ...[]byte) (*Staged, error) {
	s := &Staged{fs: fsys, temp: filepath.Join(folder, rand.Text())}
	f, err := fsys.Create(s.temp, perm)
	if err != nil {
		return nil, err
	}
	if err := fill(f, parts); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

func fill(f File, parts [][]byte) error {
	for _, part := range parts {
		if _, err := f.Write(part); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Replace gives the file its name, in place of what had it. The caller must
// sync the folder. If it fails the file is discarded.
func (s *Staged) Replace(name string) error {
	if err := s.fs.Rename(s.temp, name); err != nil {
		return errors.Join(err, s.Discard())
	}
	return nil
}

// Claim gives the file its name if nothing has it, and otherwise fails with
// fs.ErrExist. The caller must sync the folder. If it fails the file is
// discarded. That the temporary name could not be removed is no failure: Sweep
// removes it.
func (s *Staged) Claim(name string) error {
	if err := s.fs.Link(s.temp, name); err != nil {
		return errors.Join(err, s.Discard())
	}
	_ = s.Discard()
	return nil
}

// Discard removes the file.
func (s *Staged) Discard() error {
	err := s.fs.Remove(s.temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// WriteFile makes name hold data, atomically and durably. Unfinished files are
// kept in the folder temp, which must be on the same file system. After an
// error name holds the old file or the new one.
func WriteFile(fsys FS, name, temp string, perm fs.FileMode, data []byte) error {
	staged, err := Stage(fsys, temp, perm, data)
	if err != nil {
		return err
	}
	if err := staged.Replace(name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// CreateFile is WriteFile for a name that must be free: it fails with
// fs.ErrExist otherwise.
func CreateFile(fsys FS, name, temp string, perm fs.FileMode, data []byte) error {
	staged, err := Stage(fsys, temp, perm, data)
	if err != nil {
		return err
	}
	if err := staged.Claim(name); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(name))
}

// ReadFile returns the content of a file, which may not be longer than limit.
func ReadFile(fsys FS, name string, limit int64) (data []byte, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if data, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: %w", name, ErrTooLong)
	}
	return data, nil
}

// MkdirAll makes the folder and the parents that it lacks, durably. A link to a folder
// is as good as one.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	info, err := fsys.Stat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		_, err := fsys.ReadDir(name)
		return err
	}
	if err == nil && info.IsDir() {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s is not a folder", name)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(name)
	if parent != name {
		if err := MkdirAll(fsys, parent, perm); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}

// SyncParent makes the name of a file or folder durable that another process may have
// made, and died before it synced it. A parent that is closed to this process is left
// alone: then it was not this program that made the name.
func SyncParent(fsys FS, name string) error {
	err := fsys.SyncDir(filepath.Dir(name))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// Sweep removes the files of folder that a crash left there. Nobody else may be
// staging files in it.
func Sweep(fsys FS, folder string) error {
	entries, err := fsys.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := fsys.Remove(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
