package files

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"sync"

	"awala.network/gateway/internal/durable"
)

// maxKnownFolders bounds the memory of folders. A folder that was forgotten
// costs one more fsync when it is next used.
const maxKnownFolders = 4096

// folders makes and removes the folders of objects such that a folder is there,
// durably, for as long as somebody has it pinned. Folders are named by their
// slash-separated path below root.
type folders struct {
	fs   durable.FS
	root string

	mu    sync.Mutex
	known map[string]*folder // guarded by mu
}

type folder struct {
	pins int // guarded by folders.mu

	mu      sync.Mutex
	durable bool // guarded by mu: it exists and its parent was synced since
}

// pin makes the folder and its parents and keeps them from being removed until
// unpin, which the caller must call also after an error.
func (f *folders) pin(name string) error {
	chain := f.take(name)
	for _, level := range chain {
		if err := f.ensure(level.name, level.folder); err != nil {
			return err
		}
	}
	return nil
}

type level struct {
	name   string
	folder *folder
}

// take pins name and its parents, and returns them, outermost first.
func (f *folders) take(name string) []level {
	f.mu.Lock()
	defer f.mu.Unlock()
	var chain []level
	for _, name := range lineage(name) {
		one := f.known[name]
		if one == nil {
			one = new(folder)
			f.known[name] = one
		}
		one.pins++
		chain = append(chain, level{name, one})
	}
	return chain
}

// ensure makes one pinned folder, whose parent is there, and its entry durable.
func (f *folders) ensure(name string, one *folder) error {
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.durable {
		return nil
	}
	full := f.path(name)
	if err := f.fs.Mkdir(full, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := f.fs.SyncDir(filepath.Dir(full)); err != nil {
		return err
	}
	one.durable = true
	return nil
}

// unpin ends what pin began.
func (f *folders) unpin(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range lineage(name) {
		one := f.known[name]
		one.pins--
		if one.pins == 0 && len(f.known) > maxKnownFolders {
			delete(f.known, name)
		}
	}
}

// forget makes the next pin of the folder, and of its parents, look again whether
// they exist.
func (f *folders) forget(name string) {
	chain := f.take(name)
	defer f.unpin(name)
	for _, level := range chain {
		level.folder.mu.Lock()
		level.folder.durable = false
		level.folder.mu.Unlock()
	}
}

// prune removes the folder and its parents as far as they are empty and not
// pinned. It is an economy, so failures do not matter.
func (f *folders) prune(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; name != "."; name = path.Dir(name) {
		if one := f.known[name]; one != nil && one.pins > 0 {
			return
		}
		if f.fs.Remove(f.path(name)) != nil {
			return
		}
		delete(f.known, name)
	}
}

func (f *folders) path(name string) string {
	return filepath.Join(f.root, filepath.FromSlash(name))
}

// lineage returns name and its parents without root, outermost first.
func lineage(name string) []string {
	if name == "." {
		return nil
	}
	var all []string
	for i := range len(name) {
		if name[i] == '/' {
			all = append(all, name[:i])
		}
	}
	return append(all, name)
}
