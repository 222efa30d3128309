// Package durabletest holds file systems for tests of durable storage: Hooked
// fails any system call, and Disk forgets at a power failure whatever was not
// synced.
package durabletest

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"awala.network/gateway/internal/durable"
)

// Disk is a file system in memory that knows what would survive a power
// failure: a file's content as of its last Sync, a folder's entries as of its
// last SyncDir. It is harsher than real disks: the two halves of a rename
// survive independently. Make one with NewDisk.
type Disk struct {
	mu   *sync.Mutex
	root *node
}

// node is a file or a folder; entries is nil for a file.
type node struct {
	content, synced      []byte
	entries, syncedNames map[string]*node
	modified             time.Time
}

// NewDisk returns an empty disk whose folder "/" is there.
func NewDisk() *Disk { return &Disk{mu: new(sync.Mutex), root: newFolder()} }

func newFolder() *node {
	return &node{entries: map[string]*node{}, syncedNames: map[string]*node{}}
}

// Crash returns what a machine finds after a power failure at this moment. The
// disk itself stays usable. For everything that was not synced, survives
// decides whether the newer state reached the platter before the failure.
func (d *Disk) Crash(survives func() bool) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Disk{mu: new(sync.Mutex), root: d.root.crash(survives, map[*node]*node{})}
}

func (n *node) crash(survives func() bool, done map[*node]*node) *node {
	if c := done[n]; c != nil {
		return c
	}
	if n.entries == nil {
		c := &node{content: n.synced, modified: n.modified}
		if !bytes.Equal(n.content, n.synced) && survives() {
			c.content = n.content
		}
		c.synced = c.content
		done[n] = c
		return c
	}
	c := newFolder()
	done[n] = c
	for _, name := range n.allNames() {
		kept := n.syncedNames[name]
		if kept != n.entries[name] && survives() {
			kept = n.entries[name]
		}
		if kept != nil {
			c.entries[name] = kept.crash(survives, done)
		}
	}
	c.syncedNames = maps.Clone(c.entries)
	return c
}

// allNames returns the names of n, synced or not, in a fixed order, so that a
// test's choices repeat.
func (n *node) allNames() []string {
	all := maps.Clone(n.entries)
	maps.Copy(all, n.syncedNames)
	return slices.Sorted(maps.Keys(all))
}

// find returns the node at name, or nil.
func (d *Disk) find(name string) *node {
	n := d.root
	for part := range strings.SplitSeq(strings.Trim(path.Clean(name), "/"), "/") {
		if part == "" {
			continue
		}
		if n = n.entries[part]; n == nil {
			return nil
		}
	}
	return n
}

// folder returns the folder that holds, or would hold, name.
func (d *Disk) folder(op, name string) (*node, error) {
	n := d.find(path.Dir(name))
	if n == nil || n.entries == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT}
	}
	return n, nil
}

func (d *Disk) add(op, name string, n *node) error {
	parent, err := d.folder(op, name)
	if err != nil {
		return err
	}
	if parent.entries[path.Base(name)] != nil {
		return &fs.PathError{Op: op, Path: name, Err: syscall.EEXIST}
	}
	parent.entries[path.Base(name)] = n
	return nil
}

// Create implements durable.FS.
func (d *Disk) Create(name string, _ fs.FileMode) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &node{modified: time.Now()}
	if err := d.add("create", name, n); err != nil {
		return nil, err
	}
	return &openFile{disk: d, node: n, name: path.Base(name)}, nil
}

// Open implements durable.FS.
func (d *Disk) Open(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	return &openFile{disk: d, node: n, name: path.Base(name), reader: bytes.NewReader(n.content)}, nil
}

// Stat implements durable.FS.
func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: syscall.ENOENT}
	}
	return n.info(path.Base(name)), nil
}

// ReadDir implements durable.FS.
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil || n.entries == nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOENT}
	}
	var list []fs.DirEntry
	for name, child := range n.entries {
		list = append(list, fs.FileInfoToDirEntry(child.info(name)))
	}
	return list, nil
}

// Mkdir implements durable.FS.
func (d *Disk) Mkdir(name string, _ fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.add("mkdir", name, newFolder())
}

// Rename implements durable.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(from)
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: syscall.ENOENT}
	}
	target, err := d.folder("rename", to)
	if err != nil {
		return err
	}
	target.entries[path.Base(to)] = n
	source, err := d.folder("rename", from)
	if err != nil {
		return err
	}
	delete(source.entries, path.Base(from))
	return nil
}

// Link implements durable.FS.
func (d *Disk) Link(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(from)
	if n == nil {
		return &fs.PathError{Op: "link", Path: from, Err: syscall.ENOENT}
	}
	return d.add("link", to, n)
}

// Remove implements durable.FS.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOENT}
	}
	if len(n.entries) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	parent, err := d.folder("remove", name)
	if err != nil {
		return err
	}
	delete(parent.entries, path.Base(name))
	return nil
}

// SyncDir implements durable.FS.
func (d *Disk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.find(name)
	if n == nil || n.entries == nil {
		return &fs.PathError{Op: "syncdir", Path: name, Err: syscall.ENOENT}
	}
	n.syncedNames = maps.Clone(n.entries)
	return nil
}

// Free implements durable.FS: there is always room.
func (d *Disk) Free(string) (uint64, error) { return 1 << 40, nil }

// Lock implements durable.FS: there are no other processes.
func (d *Disk) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// Paths returns the paths of all files, sorted.
func (d *Disk) Paths() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	d.root.walk("", func(name string) { list = append(list, name) })
	slices.Sort(list)
	return list
}

func (n *node) walk(name string, visit func(string)) {
	if n.entries == nil {
		visit(name)
	}
	for child, c := range n.entries {
		c.walk(name+"/"+child, visit)
	}
}
