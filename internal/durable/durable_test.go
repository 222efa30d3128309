package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"awala.network/gateway/internal/durable"
	"awala.network/gateway/internal/durable/durabletest"
)

type writeFunc func(fsys durable.FS, name, temp string, perm fs.FileMode, data []byte) error

func prepared(t *testing.T, before string) func() *durabletest.Disk {
	return func() *durabletest.Disk {
		disk := durabletest.NewDisk()
		for _, dir := range []string{"/temp", "/data"} {
			must(t, durable.MkdirAll(disk, dir, 0o700))
		}
		if before != "" {
			must(t, durable.WriteFile(disk, "/data/f", "/temp", 0o600, []byte(before)))
		}
		return disk
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, fsys durable.FS, name string) (content string, there bool) {
	t.Helper()
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	must(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	must(t, err)
	return string(data), true
}

func TestPowerFailure(t *testing.T) {
	tests := map[string]struct {
		before string
		write  writeFunc
	}{
		"new file":      {"", durable.WriteFile},
		"replaced file": {"old", durable.WriteFile},
		"claimed file":  {"", durable.CreateFile},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			durabletest.EachPowerFailure(t, prepared(t, tc.before), func(fsys durable.FS) func(*testing.T, *durabletest.Disk) {
				err := tc.write(fsys, "/data/f", "/temp", 0o600, []byte("new"))
				return func(t *testing.T, after *durabletest.Disk) {
					got, there := read(t, after, "/data/f")
					if err == nil && got != "new" {
						t.Errorf("acknowledged, but there is %q", got)
					}
					if there && got != "new" && (got != tc.before || got == "") {
						t.Errorf("torn: %q", got)
					}
					if tc.before != "" && !there {
						t.Error("the old file is gone")
					}
				}
			})
		})
	}
}

func TestMkdirAllSurvivesPowerFailure(t *testing.T) {
	durabletest.EachPowerFailure(t, durabletest.NewDisk, func(fsys durable.FS) func(*testing.T, *durabletest.Disk) {
		err := durable.MkdirAll(fsys, "/a/b/c", 0o700)
		return func(t *testing.T, after *durabletest.Disk) {
			if _, lost := after.Stat("/a/b/c"); err == nil && lost != nil {
				t.Error(lost)
			}
		}
	})
}

// Each call fails once, done or not: the error is reported, and nothing is left
// in the folder of unfinished files.
func TestFailuresLeaveNothingUnfinished(t *testing.T) {
	for _, op := range []durabletest.Op{durabletest.OpCreate, durabletest.OpWrite, durabletest.OpSync, durabletest.OpClose, durabletest.OpRename, durabletest.OpSyncDir} {
		for _, done := range []bool{false, true} {
			disk := prepared(t, "old")()
			hooked := durabletest.Hooked{FS: disk, Hook: func(at durabletest.Op, _ string, do func() error) error {
				if at != op {
					return do()
				}
				if done {
					must(t, do())
				}
				return syscall.EIO
			}}
			err := durable.WriteFile(hooked, "/data/f", "/temp", 0o600, []byte("new"))
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("%s (done: %v): %v", op, done, err)
			}
			left, err := disk.ReadDir("/temp")
			must(t, err)
			if len(left) > 0 && op != durabletest.OpCreate {
				t.Errorf("%s (done: %v) left %v", op, done, left)
			}
			must(t, durable.Sweep(disk, "/temp"))
			if left, _ = disk.ReadDir("/temp"); len(left) > 0 {
				t.Errorf("Sweep left %v", left)
			}
		}
	}
}

func TestOS(t *testing.T) {
	root := t.TempDir()
	temp, data := filepath.Join(root, "temp"), filepath.Join(root, "a", "b")
	must(t, durable.MkdirAll(durable.OS, temp, 0o700))
	must(t, durable.MkdirAll(durable.OS, data, 0o700))
	must(t, durable.MkdirAll(durable.OS, data, 0o700))
	name := filepath.Join(data, "f")
	must(t, durable.CreateFile(durable.OS, name, temp, 0o600, []byte("one")))
	if err := durable.CreateFile(durable.OS, name, temp, 0o600, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a taken name was claimed: %v", err)
	}
	if got, _ := read(t, durable.OS, name); got != "one" {
		t.Errorf("content %q", got)
	}
	must(t, durable.WriteFile(durable.OS, name, temp, 0o600, []byte("three")))
	if got, _ := read(t, durable.OS, name); got != "three" {
		t.Errorf("content %q", got)
	}
	info, err := os.Stat(name)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	left, err := durable.OS.ReadDir(temp)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if err := durable.MkdirAll(durable.OS, name, 0o700); err == nil {
		t.Error("a file passed for a folder")
	}
	if free, err := durable.OS.Free(root); err != nil || free == 0 {
		t.Errorf("Free() = %d, %v", free, err)
	}
}

func TestOSLockIsExclusive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	lock, err := durable.OS.Lock(name)
	must(t, err)
	if _, err := durable.OS.Lock(name); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("locked twice: %v", err)
	}
	must(t, lock.Close())
	again, err := durable.OS.Lock(name)
	must(t, err)
	must(t, again.Close())
}

// A file system that forgets to sync must be caught by the tests above; this
// pins that Disk is such a judge.
func TestDiskForgetsWhatWasNotSynced(t *testing.T) {
	disk := prepared(t, "")()
	f, err := disk.Create("/data/f", 0o600)
	must(t, err)
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	never := func() bool { return false }
	must(t, disk.SyncDir("/data"))
	if got, there := read(t, disk.Crash(never), "/data/f"); !there || got != "" {
		t.Errorf("unsynced content: %q, %v", got, there)
	}
	must(t, f.Sync())
	must(t, disk.Rename("/data/f", "/data/g"))
	after := disk.Crash(never)
	if got, there := read(t, after, "/data/f"); !there || got != "x" {
		t.Errorf("unsynced rename: %q, %v", got, there)
	}
	if got, there := read(t, disk.Crash(func() bool { return true }), "/data/g"); !there || got != "x" {
		t.Errorf("lucky rename: %q, %v", got, there)
	}
}

func TestMkdirAllGoesThroughLinks(t *testing.T) {
	dir := t.TempDir()
	for name, target := range map[string]string{"folder": dir, "file": filepath.Join(dir, "x"), "nothing": filepath.Join(dir, "y")} {
		link := filepath.Join(dir, "to-"+name)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"to-folder": true, "to-folder/a/b": true, "to-file": false, "to-file/a": false, "to-nothing/a": false} {
		if err := durable.MkdirAll(durable.OS, filepath.Join(dir, name), 0o700); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
