package durabletest

import (
	"bytes"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// openFile is a file of a Disk, open for reading (reader is set) or writing.
type openFile struct {
	disk   *Disk
	node   *node
	name   string
	reader *bytes.Reader
}

func (f *openFile) Read(p []byte) (int, error) {
	if f.reader == nil {
		return 0, syscall.EBADF
	}
	return f.reader.Read(p)
}

func (f *openFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.content = slices.Concat(f.node.content, p)
	return len(p), nil
}

func (f *openFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.synced = f.node.content
	return nil
}

func (f *openFile) Stat() (fs.FileInfo, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.node.info(f.name), nil
}

func (f *openFile) Close() error { return nil }

func (n *node) info(name string) fs.FileInfo {
	return fileInfo{name: name, size: int64(len(n.content)), folder: n.entries != nil, modified: n.modified}
}

type fileInfo struct {
	name     string
	size     int64
	folder   bool
	modified time.Time
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return i.modified }
func (i fileInfo) IsDir() bool        { return i.folder }
func (i fileInfo) Sys() any           { return nil }

func (i fileInfo) Mode() fs.FileMode {
	if i.folder {
		return fs.ModeDir | 0o700
	}
	return 0o600
}
