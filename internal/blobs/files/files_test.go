package files_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/blobstest"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/durable"
	"awala.network/gateway/internal/durable/durabletest"
	"awala.network/gateway/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, o files.Options) *files.Store {
	t.Helper()
	s, err := files.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tripwire fails one call, once armed.
type tripwire struct {
	mu    sync.Mutex
	armed func(durabletest.Op, string) bool
	err   error
	done  bool
}

func (w *tripwire) hook(op durabletest.Op, name string, do func() error) error {
	w.mu.Lock()
	trip := w.armed != nil && w.armed(op, name)
	if trip {
		w.armed = nil
	}
	w.mu.Unlock()
	if !trip {
		return do()
	}
	if w.done {
		_ = do()
	}
	return w.err
}

func (w *tripwire) arm(done bool, err error, when func(durabletest.Op, string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed, w.done, w.err = when, done, err
}

func TestConformance(t *testing.T) {
	wire := new(tripwire)
	store := open(t, t.TempDir(), files.Options{
		MaxBytes: 1 << 40,
		FS:       durabletest.Hooked{FS: durable.OS, Hook: wire.hook},
	})
	blobstest.Run(t, func(*testing.T) blobstest.Subject {
		return blobstest.Subject{Store: store, FailNextWrite: func(f blobstest.Fault) {
			wire.arm(f == blobstest.Stored, syscall.EIO, changesObject)
		}}
	})
}

// With bodies of both kinds, which take each other's place: "body" is a row, "theirs"
// is a file.
func TestConformanceTogether(t *testing.T) {
	for _, size := range []int{4, 64 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			wire := new(tripwire)
			store := open(t, t.TempDir(), files.Options{
				MaxBytes: 1 << 40, Together: size,
				FS: durabletest.Hooked{FS: durable.OS, Hook: wire.hook},
			})
			store.HookCommits(func(commit func() error) error { return wire.hook("commit", "together,blob", commit) })
			blobstest.Run(t, func(*testing.T) blobstest.Subject {
				return blobstest.Subject{Store: store, FailNextWrite: func(f blobstest.Fault) {
					wire.arm(f == blobstest.Stored, syscall.EIO, func(op durabletest.Op, name string) bool {
						return op == "commit" || changesObject(op, name)
					})
				}}
			})
		})
	}
}

// changesObject tells the calls that publish or remove an object.
func changesObject(op durabletest.Op, name string) bool {
	switch op {
	case durabletest.OpRename, durabletest.OpLink, durabletest.OpRemove:
		return strings.HasSuffix(name, ",blob")
	default:
		return false
	}
}

// Each system call of a Put fails in turn, done or not: the error is reported,
// what readers see is whole, and the same Put repeated succeeds.
func TestEverySystemCallFails(t *testing.T) {
	for _, ifAbsent := range []bool{false, true} {
		for n := range 100 {
			wire := new(tripwire)
			store := open(t, "/blobs", files.Options{MaxBytes: 1000, FS: durabletest.Hooked{FS: durabletest.NewDisk(), Hook: wire.hook}})
			left := n / 2
			wire.arm(n%2 == 1, syscall.EIO, func(durabletest.Op, string) bool { left--; return left < 0 })
			meta := blobs.Meta{IfAbsent: ifAbsent}
			err := store.Put(t.Context(), "a/b/k", []byte("body"), meta)
			if left >= 0 {
				if n < 12 {
					t.Fatalf("only %d cases", n)
				}
				break
			}
			removal := ifAbsent && err == nil // of the second name: harmless
			if !removal && (!errors.Is(err, syscall.EIO) || fault.IsPermanent(err)) {
				t.Fatalf("case %d: %v", n, err)
			}
			if body, _, err := store.Get(t.Context(), "a/b/k"); err == nil && string(body) != "body" || err != nil && !errors.Is(err, blobs.ErrNotFound) {
				t.Fatalf("case %d: Get() = %q, %v", n, body, err)
			}
			if err := store.Put(t.Context(), "a/b/k", []byte("body"), meta); err != nil && !errors.Is(err, blobs.ErrExists) {
				t.Fatalf("case %d: repeated: %v", n, err)
			}
			if body, _, err := store.Get(t.Context(), "a/b/k"); string(body) != "body" {
				t.Fatalf("case %d: Get() = %q, %v", n, body, err)
			}
			// The limit tells whether the failure was counted: 132 octets are used.
			if err := store.Put(t.Context(), "x", make([]byte, 1000-132-128), blobs.Meta{}); err != nil {
				t.Fatalf("case %d: room is lost: %v", n, err)
			}
			if err := store.Put(t.Context(), "y", nil, blobs.Meta{}); !errors.Is(err, blobs.ErrFull) {
				t.Fatalf("case %d: over the limit: %v", n, err)
			}
		}
	}
}

func TestDamageIsCorrupt(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"empty":      func([]byte) []byte { return nil },
		"cut header": func(b []byte) []byte { return b[:100] },
		"cut body":   func(b []byte) []byte { return b[:len(b)-1] },
		"longer":     func(b []byte) []byte { return append(b, 0) },
		"header bit": func(b []byte) []byte { b[20] ^= 1; return b },
		"body bit":   func(b []byte) []byte { b[130] ^= 1; return b },
	}
	dir := t.TempDir()
	store := open(t, dir, files.Options{})
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			if err := store.Put(t.Context(), "a/k", []byte("body"), blobs.Meta{}); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "objects", "a", "k,blob")
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := store.Get(t.Context(), "a/k"); !errors.Is(err, blobs.ErrCorrupt) || !fault.IsPermanent(err) {
				t.Errorf("Get() error is %v", err)
			}
		})
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, files.Options{})
	if _, err := files.Open(dir, files.Options{}); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("opened twice: %v", err)
	}
	for _, key := range []string{"a/b/c/1", "a/2"} {
		if err := store.Put(t.Context(), key, nil, blobs.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	// What is not of the store's making is left alone and not listed.
	for _, stray := range []string{"a/stray", "a/b/x y,blob"} {
		if err := os.WriteFile(filepath.Join(dir, "objects", stray), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for info, err := range store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	if want := "[a/2 a/b/c/1]"; fmt.Sprint(keys) != want {
		t.Errorf("List() = %v, want %v", keys, want)
	}
	if err := store.Delete(t.Context(), "a/b/c/1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "objects/a/b/c")); !os.IsNotExist(err) {
		t.Errorf("the empty folder is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "objects/a/b")); err != nil {
		t.Errorf("a folder in use is gone: %v", err)
	}
}

func TestOpenSweeps(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "unfinished", "stale")
	if err := os.MkdirAll(filepath.Dir(stale), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, files.Options{})
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("not swept: %v", err)
	}
}

// The cost of a Put that the package comment promises.
func TestPutCost(t *testing.T) {
	var mu sync.Mutex
	syncs := 0
	count := func(op durabletest.Op, _ string, do func() error) error {
		mu.Lock()
		defer mu.Unlock()
		if op == durabletest.OpSync || op == durabletest.OpSyncDir {
			syncs++
		}
		return do()
	}
	store := open(t, "/blobs", files.Options{FS: durabletest.Hooked{FS: durabletest.NewDisk(), Hook: count}})
	for i, want := range []int{2 + 3, 2, 2} {
		syncs = 0
		if err := store.Put(t.Context(), fmt.Sprintf("a/b/c/%d", i), nil, blobs.Meta{}); err != nil {
			t.Fatal(err)
		}
		if syncs != want {
			t.Errorf("put %d: %d fsyncs, want %d", i, syncs, want)
		}
	}
}
