package files_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/durable"
	"awala.network/gateway/internal/durable/durabletest"
)

// togetherFile is the database's name in the store's folder.
const togetherFile = "together.sqlite"

// A power failure leaves any part of the database's log that was not synced. Whatever
// is left, what was acknowledged up to there is whole.
func TestTogetherPowerFailure(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, files.Options{Together: 1 << 20})
	body := func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 1000*n) }
	log := filepath.Join(dir, togetherFile+"-wal")
	base := read(t, filepath.Join(dir, togetherFile))
	var synced []int // the length of the log after each Put
	for n := range 20 {
		if err := store.Put(t.Context(), fmt.Sprint(n), body(n), blobs.Meta{}); err != nil {
			t.Fatal(err)
		}
		synced = append(synced, len(read(t, log)))
	}
	if !store.Synced() {
		t.Error("commits are not synced")
	}
	whole := read(t, log)
	for length := 0; length <= len(whole); length += 4001 {
		left := t.TempDir()
		for name, content := range map[string][]byte{togetherFile: base, togetherFile + "-wal": whole[:length]} {
			if err := os.WriteFile(filepath.Join(left, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := open(t, left, files.Options{Together: 1 << 20})
		for n := range 20 {
			got, _, err := after.Get(t.Context(), fmt.Sprint(n))
			acknowledged := synced[n] <= length
			if acknowledged && err != nil || err == nil && !bytes.Equal(got, body(n)) || err != nil && !errors.Is(err, blobs.ErrNotFound) {
				t.Fatalf("log of %d octets, put %d (at %d): %v", length, n, synced[n], err)
			}
		}
	}
}

// A process that dies between the two steps of taking a file's place by a row, or the
// other way, leaves both.
func TestBothAreLeft(t *testing.T) {
	const key, small, large = "a/k", "row", "a file"
	for _, order := range [][]string{{small, large}, {large, small}} {
		dir, wire := t.TempDir(), new(tripwire)
		store, err := files.Open(dir, files.Options{Together: 4, FS: durabletest.Hooked{FS: durable.OS, Hook: wire.hook}})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), key, []byte(order[0]), blobs.Meta{}); err != nil {
			t.Fatal(err)
		}
		store.HookCommits(func(commit func() error) error {
			if order[1] == large {
				return syscall.EIO // the row is to be deleted
			}
			return commit()
		})
		wire.arm(false, syscall.EIO, func(op durabletest.Op, _ string) bool { return op == durabletest.OpRemove })
		if err := store.Put(t.Context(), key, []byte(order[1]), blobs.Meta{}); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		store = open(t, dir, files.Options{Together: 4, MaxBytes: 1 << 20})
		if got, _, err := store.Get(t.Context(), key); err != nil || string(got) != small {
			t.Errorf("Get() = %q, %v", got, err)
		}
		listed := 0
		for info, err := range store.List(t.Context(), "") {
			if listed++; err != nil || info.Key != key || info.Size != int64(len(small)) {
				t.Errorf("List() yields %+v, %v", info, err)
			}
		}
		if err := store.Put(t.Context(), key, nil, blobs.Meta{IfAbsent: true}); !errors.Is(err, blobs.ErrExists) {
			t.Errorf("Put() of a taken key: %v", err)
		}
		if err := store.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.Get(t.Context(), key); !errors.Is(err, blobs.ErrNotFound) {
			t.Errorf("after Delete: %v", err)
		}
		if listed != 1 || store.Used() != 0 {
			t.Errorf("%d listed, %d octets counted at the end", listed, store.Used())
		}
	}
}

// What is counted stays exact, whichever commits fail and whether they were done.
func TestTogetherCounts(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, files.Options{Together: 1000, MaxBytes: 1 << 20})
	n := 0
	store.HookCommits(func(commit func() error) error {
		switch n++; n % 3 {
		case 0:
			return syscall.EIO
		case 1:
			return errors.Join(commit(), syscall.EIO)
		default:
			return commit()
		}
	})
	var group sync.WaitGroup
	for writer := range 8 {
		group.Go(func() {
			for i := range 60 {
				key := fmt.Sprintf("k%d", (writer+i)%7)
				if i%3 == 2 {
					_ = store.Delete(t.Context(), key)
				} else {
					_ = store.Put(t.Context(), key, make([]byte, i), blobs.Meta{IfAbsent: i%2 == 0})
				}
			}
		})
	}
	group.Wait()
	var want int64
	for info, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		want += 128 + info.Size
	}
	if got := store.Used(); got != want || n < 10 {
		t.Errorf("%d octets are counted of %d, after %d commits", got, want, n)
	}
}

// Many who put at the same time share commits.
func TestCommitsAreShared(t *testing.T) {
	store := open(t, t.TempDir(), files.Options{Together: 1000})
	const callers = 100
	begun, commits := make(chan struct{}), 0
	store.HookCommits(func(commit func() error) error {
		if commits++; commits == 1 {
			<-begun
		}
		return commit()
	})
	var group sync.WaitGroup
	put := func(key string) {
		if err := store.Put(t.Context(), key, nil, blobs.Meta{}); err != nil {
			t.Error(err)
		}
	}
	group.Go(func() { put("first") })
	var waiting sync.WaitGroup
	for i := range callers {
		waiting.Add(1)
		group.Go(func() {
			waiting.Done()
			put(fmt.Sprint(i))
		})
	}
	waiting.Wait()
	close(begun)
	group.Wait()
	if commits > callers/2 {
		t.Errorf("%d commits for %d objects", commits, callers+1)
	}
}

func TestTogetherDamageIsCorrupt(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, files.Options{Together: 1000})
	if err := store.Put(t.Context(), "k", []byte("body"), blobs.Meta{}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, togetherFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE objects SET body = x'00'`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.Get(t.Context(), "k"); !errors.Is(err, blobs.ErrCorrupt) {
		t.Errorf("Get() error is %v", err)
	}
}

// What was deleted is in no file any more once the store is closed, even in free pages.
func TestDeletedIsGone(t *testing.T) {
	dir := t.TempDir()
	store, err := files.Open(dir, files.Options{Together: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	secret := bytes.Repeat([]byte("deleted "), 2000)
	for key, body := range map[string][]byte{"a": secret, "b": secret[:40], "c": []byte("kept")} {
		if err := store.Put(t.Context(), key, body, blobs.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if !contains(t, dir, "deleted") {
		t.Fatal("the body is in no file")
	}
	for _, key := range []string{"a", "b"} {
		if err := store.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if contains(t, dir, "deleted") || !contains(t, dir, "kept") {
		t.Error("what was deleted is still there, or what was kept is not")
	}
}

func contains(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = found || bytes.Contains(read(t, path), []byte(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
