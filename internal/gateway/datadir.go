package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"awala.network/gateway/internal/durable"
)

// lockName is the name of the file that a running gateway holds locked.
const lockName = "lock"

// dataDir is the folder of a standalone gateway. Under it:
//
//	lock        held while a process uses the folder
//	history/    JetStream's streams: the truth
//	blobs/      parcels and cargoes
//	documents/  projections, which can be removed and are then rebuilt
//	keys/       sealed private keys; without them the rest is worthless
type dataDir struct {
	path string
	lock io.Closer
}

// openDataDir makes the folder, for its owner's eyes only, and locks it against
// other processes.
func openDataDir(path string) (*dataDir, error) {
	if err := durable.MkdirAll(durable.OS, filepath.Clean(path), 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := durable.SyncParent(durable.OS, filepath.Clean(path)); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	lock, err := durable.OS.Lock(filepath.Join(path, lockName))
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("data folder %s: another gateway is running on it", path)
	}
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return &dataDir{path: path, lock: lock}, nil
}

// startsWith is the free space in octets below which a gateway may not be able to start.
const startsWith = 1 << 20

// blamed says of an error that the disk is full, if so: databases have numbers for it.
func (d *dataDir) blamed(err error) error {
	if free, asking := durable.OS.Free(d.path); asking == nil && free < startsWith {
		return fmt.Errorf("%w (the disk of %s is full, %d KiB are free: make room)", err, d.path, free>>10)
	}
	return err
}

// makePrivate closes a folder that others may use: it holds private keys and
// parcels. One that already held other things before us is left as it is, since
// the folders below are closed anyway, unless others could replace those.
func makePrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	mode := info.Mode().Perm()
	if mode&0o077 == 0 {
		return nil
	}
	ours, err := isOurs(path)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if ours {
		return os.Chmod(path, 0o700)
	}
	if mode&0o022 != 0 {
		return fmt.Errorf("data folder %s: others may write to it (mode %04o); use another, or chmod go-w", path, mode)
	}
	return nil
}

// isOurs tells whether the folder is empty or was used by a gateway before.
func isOurs(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, err
	}
	lock := func(e fs.DirEntry) bool { return e.Name() == lockName }
	return len(entries) == 0 || slices.ContainsFunc(entries, lock), nil
}

// sub returns a folder of the data folder, which it makes, durably.
func (d *dataDir) sub(name string) (string, error) {
	path := filepath.Join(d.path, name)
	err := os.Mkdir(path, 0o700)
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = durable.SyncParent(durable.OS, path)
	}
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	return path, nil
}

// close unlocks the folder.
func (d *dataDir) close() error { return d.lock.Close() }

// defaultDataDir is where a standalone gateway keeps its data if it is not told:
// in the user's data folder as the XDG Base Directory Specification has it, and
// without a home in the working folder.
func defaultDataDir() (string, error) {
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "awala-gateway"), nil
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "awala-gateway"), nil
	}
	return filepath.Abs("awala-data")
}
