package sealed_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/durable"
	"awala.network/gateway/internal/durable/durabletest"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/keystoretest"
	"awala.network/gateway/internal/keystore/sealed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, o sealed.Options) *sealed.Store {
	t.Helper()
	s, err := sealed.Open(dir, o)
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

func folder(t *testing.T) string { return filepath.Join(t.TempDir(), "keys") }

// trap fails one change of a record.
type trap struct {
	mu    sync.Mutex
	armed bool
	skip  int
	fault keystoretest.Fault
}

func (r *trap) arm(f keystoretest.Fault, skip int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed, r.skip, r.fault = true, skip, f
}

func (r *trap) springs(op durabletest.Op, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	change := op == durabletest.OpRename || op == durabletest.OpLink || op == durabletest.OpRemove
	if !r.armed || !change || !strings.Contains(name, "records") {
		return false
	}
	r.skip--
	r.armed = r.skip >= 0
	return !r.armed
}

func (r *trap) hook(op durabletest.Op, name string, do func() error) error {
	if !r.springs(op, name) {
		return do()
	}
	if r.fault == keystoretest.Stored {
		_ = do()
	}
	return syscall.EIO
}

func TestConformance(t *testing.T) {
	for name, passphrase := range map[string][]byte{"keyset in the clear": nil, "wrapped keyset": []byte("correct horse")} {
		t.Run(name, func(t *testing.T) {
			snare := new(trap)
			store := open(t, folder(t), sealed.Options{
				Passphrase: passphrase,
				FS:         durabletest.Hooked{FS: durable.OS, Hook: snare.hook},
			})
			keystoretest.Run(t, func(*testing.T) keystoretest.Subject {
				return keystoretest.Subject{Secrets: store, FailWrite: snare.arm}
			})
		})
	}
}

var record = keystore.Record{"privateKey": "AA=="}

func put(t *testing.T, store *sealed.Store, path string) {
	t.Helper()
	if err := store.Put(t.Context(), path, record); err != nil {
		t.Fatal(err)
	}
}

// fill makes a store with a record at "a", and closes it.
func fill(t *testing.T, dir string, o sealed.Options) {
	t.Helper()
	store, err := sealed.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	put(t, store, "a")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestModesAndContents(t *testing.T) {
	dir := folder(t)
	put(t, open(t, dir, sealed.Options{}), "a")
	err := filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		} else if raw, err := os.ReadFile(name); err != nil || strings.Contains(string(raw), "privateKey") {
			t.Errorf("%s shows what it holds (%v)", name, err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	secret := []byte("correct horse")
	tests := map[string]struct {
		made, opened []byte
		want         error
	}{
		"in the clear":           {nil, nil, nil},
		"wrapped":                {secret, secret, nil},
		"wrong passphrase":       {secret, []byte("wrong horse"), sealed.ErrPassphrase},
		"passphrase not given":   {secret, nil, sealed.ErrPassphrase},
		"passphrase not needed":  {nil, secret, sealed.ErrPassphrase},
		"empty is not a missing": {secret, []byte{}, sealed.ErrPassphrase},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			fill(t, dir, sealed.Options{Passphrase: tc.made})
			store, err := sealed.Open(dir, sealed.Options{Passphrase: tc.opened})
			if !errors.Is(err, tc.want) {
				t.Fatalf("Open() error is %v, want %v", err, tc.want)
			}
			if err != nil {
				return
			}
			defer store.Close()
			if r, err := store.Get(t.Context(), "a"); err != nil || r["privateKey"] != "AA==" {
				t.Errorf("Get() = %v, %v", r, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string) error{
		"missing keyset": func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "keyset")) },
		"open keyset":    func(_ *testing.T, dir string) error { return os.Chmod(filepath.Join(dir, "keyset"), 0o640) },
		"open folder":    func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o750) },
		"damaged keyset": func(_ *testing.T, dir string) error {
			return os.WriteFile(filepath.Join(dir, "keyset"), []byte("{}"), 0o600)
		},
		"folder in use": func(t *testing.T, dir string) error {
			open(t, dir, sealed.Options{})
			return nil
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			fill(t, dir, sealed.Options{})
			if err := spoil(t, dir); err != nil {
				t.Fatal(err)
			}
			if store, err := sealed.Open(dir, sealed.Options{}); err == nil {
				store.Close()
				t.Error("opened")
			}
		})
	}
}

func TestDamageIsCorrupt(t *testing.T) {
	damages := map[string]func(a, b []byte) []byte{
		"empty":           func(_, _ []byte) []byte { return nil },
		"cut":             func(a, _ []byte) []byte { return a[:len(a)-1] },
		"bit":             func(a, _ []byte) []byte { a[len(a)-20] ^= 1; return a },
		"of another path": func(_, b []byte) []byte { return b },
		"huge":            func(a, _ []byte) []byte { return append(a, make([]byte, 1<<20)...) },
	}
	dir := folder(t)
	store := open(t, dir, sealed.Options{})
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			put(t, store, "a")
			put(t, store, "b")
			nameA, nameB := filepath.Join(dir, "records", "a"), filepath.Join(dir, "records", "b")
			rawA, errA := os.ReadFile(nameA)
			rawB, errB := os.ReadFile(nameB)
			if err := errors.Join(errA, errB, os.WriteFile(nameA, damage(rawA, rawB), 0o600)); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Get(t.Context(), "a"); !errors.Is(err, keystore.ErrCorrupt) || !fault.IsPermanent(err) {
				t.Errorf("Get() error is %v", err)
			}
			if err := store.Delete(t.Context(), "a"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPowerFailure(t *testing.T) {
	t.Run("new", func(t *testing.T) { testPowerFailure(t, durabletest.NewDisk) })
	t.Run("after a kill", func(t *testing.T) { testPowerFailure(t, killed) })
}

// killed returns a disk on which a process made the folders and died before it synced
// any.
func killed() *durabletest.Disk {
	disk := durabletest.NewDisk()
	for _, folder := range []string{"/keys", "/keys/records", "/keys/unfinished"} {
		if err := disk.Mkdir(folder, 0o700); err != nil {
			panic(err)
		}
	}
	return disk
}

func testPowerFailure(t *testing.T, prepare func() *durabletest.Disk) {
	durabletest.EachPowerFailure(t, prepare, func(fsys durable.FS) func(*testing.T, *durabletest.Disk) {
		acked := map[string]string{}
		store, err := sealed.Open("/keys", sealed.Options{FS: fsys})
		for _, value := range []string{"1", "2"} {
			for _, path := range []string{"a", "b"} {
				if err == nil {
					err = store.Put(t.Context(), path, keystore.Record{"v": value})
				}
				if err == nil {
					acked[path] = value
				}
			}
		}
		deleted := err == nil && store.Delete(t.Context(), "b") == nil
		return func(t *testing.T, after *durabletest.Disk) {
			store := open(t, "/keys", sealed.Options{FS: after})
			for path, value := range acked {
				r, err := store.Get(t.Context(), path)
				switch gone := errors.Is(err, keystore.ErrNotFound); {
				case path == "b" && deleted && !gone:
					t.Errorf("deleted, but there: %v, %v", r, err)
				case path == "b" && acked["b"] == "2" && gone: // the deletion had begun
				case err != nil || r["v"] < value:
					t.Errorf("%s is %v, %v; %s was acknowledged", path, r, err, value)
				}
			}
		}
	})
}
