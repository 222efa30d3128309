package durabletest

import (
	"io"
	"io/fs"

	"awala.network/gateway/internal/durable"
)

// Op names one system call of durable.FS or durable.File.
type Op string

// The calls that Hooked passes to its hook. Reading calls are not among them.
const (
	OpCreate  Op = "create"
	OpWrite   Op = "write"
	OpSync    Op = "sync"
	OpClose   Op = "close"
	OpMkdir   Op = "mkdir"
	OpRename  Op = "rename"
	OpLink    Op = "link"
	OpRemove  Op = "remove"
	OpSyncDir Op = "syncdir"
)

// Hook runs one call, or does not: it may return an error without calling do
// ("failed and not done") or call do and return an error nevertheless ("failed
// but done"). name is the file or folder that the call is about.
type Hook func(op Op, name string, do func() error) error

// Hooked is a file system whose changes all go through Hook.
type Hooked struct {
	durable.FS
	Hook Hook
}

// Create implements durable.FS.
func (h Hooked) Create(name string, perm fs.FileMode) (durable.File, error) {
	var f durable.File
	err := h.Hook(OpCreate, name, func() (err error) {
		f, err = h.FS.Create(name, perm)
		return err
	})
	if err != nil {
		return nil, err
	}
	return hookedFile{File: f, name: name, hook: h.Hook}, nil
}

// Mkdir implements durable.FS.
func (h Hooked) Mkdir(name string, perm fs.FileMode) error {
	return h.Hook(OpMkdir, name, func() error { return h.FS.Mkdir(name, perm) })
}

// Rename implements durable.FS.
func (h Hooked) Rename(from, to string) error {
	return h.Hook(OpRename, to, func() error { return h.FS.Rename(from, to) })
}

// Link implements durable.FS.
func (h Hooked) Link(from, to string) error {
	return h.Hook(OpLink, to, func() error { return h.FS.Link(from, to) })
}

// Remove implements durable.FS.
func (h Hooked) Remove(name string) error {
	return h.Hook(OpRemove, name, func() error { return h.FS.Remove(name) })
}

// SyncDir implements durable.FS.
func (h Hooked) SyncDir(name string) error {
	return h.Hook(OpSyncDir, name, func() error { return h.FS.SyncDir(name) })
}

type hookedFile struct {
	durable.File
	name string
	hook Hook
}

func (f hookedFile) Write(p []byte) (int, error) {
	n := 0
	err := f.hook(OpWrite, f.name, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

func (f hookedFile) Sync() error  { return f.hook(OpSync, f.name, f.File.Sync) }
func (f hookedFile) Close() error { return f.hook(OpClose, f.name, f.File.Close) }
