package files_test

import (
	"bytes"
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

func TestPowerFailure(t *testing.T) {
	type step struct {
		key, body string // body "" deletes
		ifAbsent  bool
	}
	tests := map[string][]step{
		"new objects":  {{"a/b/1", "one", false}, {"a/b/2", "two", false}, {"a/c", "three", true}},
		"replaced":     {{"a/b/1", "one", false}, {"a/b/1", "two", false}, {"a/b/1", "three", false}},
		"deleted":      {{"a/b/1", "one", true}, {"a/b/1", "", false}, {"a/b/1", "two", true}},
		"next to gone": {{"a/b/1", "one", false}, {"a/b/1", "", false}, {"a/b/2", "two", true}, {"a/d", "x", true}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			durabletest.EachPowerFailure(t, durabletest.NewDisk, func(fsys durable.FS) func(*testing.T, *durabletest.Disk) {
				// allowed holds, for each key, what may be found afterwards.
				allowed := map[string][]string{}
				store, err := files.Open("/blobs", files.Options{FS: fsys})
				for _, s := range steps {
					if err != nil {
						break
					}
					before := allowed[s.key]
					if before == nil {
						before = []string{""}
					}
					if s.body == "" {
						err = store.Delete(t.Context(), s.key)
						allowed[s.key] = append(before, "") // a deletion may be undone
						continue
					}
					err = store.Put(t.Context(), s.key, []byte(s.body), blobs.Meta{IfAbsent: s.ifAbsent})
					if err == nil {
						before = nil
					}
					allowed[s.key] = append(before, s.body)
				}
				return func(t *testing.T, after *durabletest.Disk) {
					store := open(t, "/blobs", files.Options{FS: after})
					for key, bodies := range allowed {
						checkBody(t, store, key, bodies)
					}
					for _, path := range after.Paths() {
						if strings.Contains(path, "unfinished") {
							t.Errorf("not swept: %s", path)
						}
					}
				}
			})
		})
	}
}

func checkBody(t *testing.T, store *files.Store, key string, allowed []string) {
	t.Helper()
	body, _, err := store.Get(t.Context(), key)
	if err != nil && !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("%s: %v", key, err)
		return
	}
	for _, a := range allowed {
		if string(body) == a {
			return
		}
	}
	t.Errorf("%s is %q, allowed are %q", key, body, allowed)
}

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

func BenchmarkPut(b *testing.B) {
	for _, mode := range []string{"sequential", "parallel"} {
		b.Run(mode, func(b *testing.B) {
			store, err := files.Open(b.TempDir(), files.Options{MaxBytes: 1 << 40, MinFreeBytes: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			body := bytes.Repeat([]byte("x"), 1024)
			var mu sync.Mutex
			n := 0
			put := func() {
				mu.Lock()
				n++
				key := fmt.Sprintf("parcels/gateway-bound/%d/%d", n%10, n)
				mu.Unlock()
				if err := store.Put(b.Context(), key, body, blobs.Meta{IfAbsent: true}); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			if mode == "sequential" {
				for b.Loop() {
					put()
				}
				return
			}
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					put()
				}
			})
		})
	}
}
