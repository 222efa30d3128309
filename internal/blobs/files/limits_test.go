package files_test

import (
	"errors"
	"syscall"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/durable/durabletest"
	"awala.network/gateway/internal/fault"
)

func TestLimit(t *testing.T) {
	dir := t.TempDir()
	const each = 128 + 100
	store, err := files.Open(dir, files.Options{MaxBytes: 2 * each})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, size int) error {
		return store.Put(t.Context(), key, make([]byte, size), blobs.Meta{})
	}
	for _, key := range []string{"a/1", "a/2"} {
		if err := put(key, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("a/3", 0); !errors.Is(err, blobs.ErrFull) || fault.IsPermanent(err) {
		t.Errorf("over the limit: %v", err)
	}
	if err := store.Put(t.Context(), "a/1", nil, blobs.Meta{IfAbsent: true}); !errors.Is(err, blobs.ErrExists) {
		t.Errorf("a duplicate at the limit: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = open(t, dir, files.Options{MaxBytes: 2 * each})
	if err := put("a/3", 0); !errors.Is(err, blobs.ErrFull) {
		t.Errorf("over the limit after reopening: %v", err)
	}
	if err := store.Delete(t.Context(), "a/1"); err != nil {
		t.Fatal(err)
	}
	if err := put("a/3", 100); err != nil {
		t.Errorf("after making room: %v", err)
	}
}

func TestMinFree(t *testing.T) {
	store := open(t, "/blobs", files.Options{FS: durabletest.NewDisk(), MinFreeBytes: 1 << 40})
	if err := store.Put(t.Context(), "k", nil, blobs.Meta{}); !errors.Is(err, blobs.ErrFull) {
		t.Errorf("Put() error is %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	ops := []durabletest.Op{durabletest.OpMkdir, durabletest.OpCreate, durabletest.OpWrite, durabletest.OpSync, durabletest.OpClose, durabletest.OpRename}
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		for _, op := range ops {
			wire := new(tripwire)
			store := open(t, "/blobs", files.Options{FS: durabletest.Hooked{FS: durabletest.NewDisk(), Hook: wire.hook}})
			wire.arm(false, errno, func(at durabletest.Op, _ string) bool { return at == op })
			if err := store.Put(t.Context(), "a/k", []byte("x"), blobs.Meta{}); !errors.Is(err, blobs.ErrFull) {
				t.Errorf("%v at %s: %v", errno, op, err)
			}
			if _, _, err := store.Get(t.Context(), "a/k"); !errors.Is(err, blobs.ErrNotFound) {
				t.Errorf("%v at %s left something: %v", errno, op, err)
			}
		}
	}
}
