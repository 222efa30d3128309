// Package files keeps blobs in the file system of one machine, for gateways
// without an object store.
//
// An object is one file, metadata and body together, so that one rename or link
// publishes both; or, if it is small, one row of a database (docs/adr/0020). Under the
// folder that Open gets:
//
//	lock               held while the store is open
//	unfinished/        files being written; swept by Open
//	objects/a/b/c,blob the object with the key a/b/c
//	together.sqlite    small objects, if Options.Together says so
//
// The comma cannot be in a key, so an object and a folder never want the same
// name. Keys that differ only in case need a file system that minds case, and
// Put needs one with hard links.
//
// A Put of a file in a folder that is in use costs two fsyncs: of the file and of
// the folder. Each new level of folders costs one more. Rows that are put at the same
// time share one. If a key has both, because a larger body took the place of a
// smaller one or the other way, and the process died before it had removed what was
// there before, the row is the object.
package files

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"path/filepath"
	"sync"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/durable"
)

// suffix ends the names of object files.
const suffix = ",blob"

// Options are the limits of a Store; the zero value has none.
type Options struct {
	// MaxBytes is how many octets the files may have together, metadata
	// included. A Put that would exceed it fails with blobs.ErrFull. Zero means
	// no limit; otherwise Open counts what is there, file by file.
	MaxBytes int64
	// MinFreeBytes is how much room the disk must have left after a Put, which
	// fails with blobs.ErrFull otherwise, so that the event history on the same
	// disk can still be written.
	MinFreeBytes uint64
	// Together is up to what size in octets bodies are kept together in one database.
	// Zero means none. It takes an FS that is the machine's.
	Together int
	// FS is the file system; nil means durable.OS.
	FS durable.FS
}

// Store is a blobs.Store. Make one with Open.
type Store struct {
	fs         durable.FS
	objects    string // folder
	unfinished string // folder
	lock       io.Closer
	folders    *folders
	usage      *usage
	together   *together // nil if there is none
	small      int       // up to what size objects go there

	// keys serialises the changes of one object, so that usage is exact.
	keys [1024]sync.Mutex
	seed maphash.Seed
}

var _ blobs.Store = (*Store)(nil)

// Open opens the store in the folder dir, which it makes if necessary, and
// removes what a crash left unfinished. It fails if another process, or another
// Store, has it open.
func Open(dir string, o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = durable.OS
	}
	s := &Store{
		fs:         o.FS,
		objects:    filepath.Join(dir, "objects"),
		unfinished: filepath.Join(dir, "unfinished"),
		seed:       maphash.MakeSeed(),
	}
	s.folders = &folders{fs: o.FS, root: s.objects, known: map[string]*folder{}}
	s.usage = &usage{fs: o.FS, root: s.objects, max: o.MaxBytes, minFree: o.MinFreeBytes}
	for _, folder := range []string{s.objects, s.unfinished} {
		if err := durable.MkdirAll(o.FS, folder, 0o700); err != nil {
			return nil, fmt.Errorf("blob folder: %w", err)
		}
	}
	lock, err := o.FS.Lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("blob folder is in use: %w", err)
	}
	s.lock = lock
	if err := s.recover(dir, o.Together); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("blob folder: %w", err)
	}
	return s, nil
}

// recover puts the folder in order after whatever happened to the last process.
func (s *Store) recover(dir string, small int) (err error) {
	if small > 0 {
		if s.together, err = openTogether(dir, s.usage); err != nil {
			return err
		}
		s.small = small
	}
	if err := s.syncFolders(); err != nil {
		return err
	}
	if err := durable.Sweep(s.fs, s.unfinished); err != nil {
		return err
	}
	if s.usage.max == 0 {
		return nil
	}
	for info, err := range s.walk("") { // rows are counted already
		if err != nil {
			return err
		}
		s.usage.used.Add(headerLen + info.Size)
	}
	return nil
}

// syncFolders makes sure of the folders that a process may have made that died
// before it synced them.
func (s *Store) syncFolders() error {
	dir := filepath.Dir(s.objects)
	return errors.Join(durable.SyncParent(s.fs, dir), s.fs.SyncDir(dir), s.fs.SyncDir(s.objects))
}

// Close lets others open the folder. No method may be running or called later.
func (s *Store) Close() error {
	var err error
	if s.together != nil {
		err = s.together.close()
	}
	return errors.Join(err, s.lock.Close())
}

// place is where the object of a key is.
type place struct {
	folder string // below objects, with slashes; "." is objects itself
	file   string // full path
}

func (s *Store) place(key string) place {
	return place{
		folder: path.Dir(key),
		file:   filepath.Join(s.objects, filepath.FromSlash(key)) + suffix,
	}
}

func (s *Store) keyLock(key string) *sync.Mutex {
	return &s.keys[maphash.String(s.seed, key)%uint64(len(s.keys))]
}
