package names_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/durable/durabletest"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
)

// store counts what is read, and fails a write if told to.
type store struct {
	keystore.Secrets
	gets atomic.Int32
	// left is how many writes succeed before one fails, which has taken effect or not.
	left   atomic.Int32
	stored bool
}

func newStore(t *testing.T) *store {
	t.Helper()
	secrets, err := sealed.Open("/keys", sealed.Options{FS: durabletest.NewDisk()})
	if err != nil {
		t.Fatal(err)
	}
	s := &store{Secrets: secrets}
	s.left.Store(-1)
	return s
}

var errDown = errors.New("down")

func (s *store) write(do func() error) error {
	if s.left.Load() < 0 || s.left.Add(-1) >= 0 {
		return do()
	}
	if s.stored {
		_ = do()
	}
	return errDown
}

func (s *store) Get(ctx context.Context, path string) (keystore.Record, error) {
	s.gets.Add(1)
	return s.Secrets.Get(ctx, path)
}

func (s *store) Put(ctx context.Context, path string, r keystore.Record) error {
	return s.write(func() error { return s.Secrets.Put(ctx, path, r) })
}

func (s *store) Create(ctx context.Context, path string, r keystore.Record) error {
	return s.write(func() error { return s.Secrets.Create(ctx, path, r) })
}

func (s *store) Delete(ctx context.Context, path string) error {
	return s.write(func() error { return s.Secrets.Delete(ctx, path) })
}

// gateway is a private gateway's id.
const gateway = "0123"

func TestProcessesAgree(t *testing.T) {
	secrets := newStore(t)
	var wg sync.WaitGroup
	got := make([]events.Name, 8)
	for i := range got {
		book := names.New(keystore.New(secrets))
		wg.Go(func() {
			var err error
			if got[i], err = book.Name(t.Context(), gateway); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, n := range got {
		if n.Pseudonym != got[0].Pseudonym || n.GatewayID != gateway || !events.IsPseudonym(n.Pseudonym) {
			t.Errorf("%+v", n)
		}
		read, err := names.New(keystore.New(secrets)).Named(t.Context(), n.Pseudonym)
		if err != nil || read.GatewayID != gateway {
			t.Errorf("%+v, %v", read, err)
		}
	}
}

// TestFailedCreation fails each write of the first use of a name both ways: what was
// promised to nobody can be tried again, and what was used can be read.
func TestFailedCreation(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for fails := range int32(2) {
			t.Run(fmt.Sprint(fails, stored), func(t *testing.T) {
				secrets := newStore(t)
				secrets.stored = stored
				secrets.left.Store(fails)
				if _, err := names.New(keystore.New(secrets)).Name(t.Context(), gateway); !errors.Is(err, errDown) || fault.IsPermanent(err) {
					t.Fatalf("error %v", err)
				}
				secrets.left.Store(-1)
				n, err := names.New(keystore.New(secrets)).Name(t.Context(), gateway)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := names.New(keystore.New(secrets)).Named(t.Context(), n.Pseudonym); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestKeyStoreIsAskedOnce(t *testing.T) {
	secrets := newStore(t)
	book := names.New(keystore.New(secrets))
	n, err := book.Name(t.Context(), gateway)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Named(t.Context(), n.Pseudonym); err != nil {
		t.Fatal(err)
	}
	before := secrets.gets.Load()
	for range 100 {
		_, nameErr := book.Name(t.Context(), gateway)
		_, namedErr := book.Named(t.Context(), n.Pseudonym)
		if err := errors.Join(nameErr, namedErr); err != nil {
			t.Fatal(err)
		}
	}
	if asked := secrets.gets.Load() - before; asked > 0 {
		t.Errorf("asked %d times more", asked)
	}
}

// TestLost: a key that is gone, a key store that is down and one that was tampered with
// are three things, and none of them is that somebody was forgotten.
func TestLost(t *testing.T) {
	secrets := newStore(t)
	keys := keystore.New(secrets)
	n, err := names.New(keys).Name(t.Context(), gateway)
	if err != nil {
		t.Fatal(err)
	}
	if err := secrets.Put(t.Context(), n.Pseudonym, keystore.Record{"gatewayId": gateway, "pseudonym": n.Pseudonym, "nameKey": "AAAA"}); err != nil {
		t.Fatal(err)
	}
	if _, err := names.New(keys).Named(t.Context(), n.Pseudonym); !errors.Is(err, keystore.ErrCorrupt) || fault.IsPermanent(err) {
		t.Errorf("error of a corrupt key: %v", err)
	}
	if err := secrets.Delete(t.Context(), n.Pseudonym); err != nil {
		t.Fatal(err)
	}
	var unknown *events.UnknownNameError
	if _, err := names.New(keys).Named(t.Context(), n.Pseudonym); !errors.As(err, &unknown) {
		t.Errorf("error of a lost key: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := names.New(keys).Named(ctx, n.Pseudonym); !errors.Is(err, context.Canceled) || fault.IsPermanent(err) {
		t.Errorf("error of a key store that does not answer: %v", err)
	}
}

// TestForgetting walks through a forgetting with two processes.
func TestForgetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secrets := newStore(t)
		var forgotten atomic.Uint64
		latest := func(context.Context) (uint64, error) { return forgotten.Load(), nil }
		here, there := names.New(keystore.New(secrets)), names.New(keystore.New(secrets))
		here.Follow(latest, names.Lease, func() {})
		there.Follow(latest, names.Lease, func() {})
		n := must(t)(there.Name(t.Context(), gateway))
		must(t)(there.Named(t.Context(), n.Pseudonym))
		if _, err := here.Begin(t.Context(), "0999", "", ""); !errors.Is(err, names.ErrUnknown) {
			t.Errorf("error %v", err)
		}
		f, err := here.Begin(t.Context(), gateway, "anna", "asked for")
		if err != nil || f.Pseudonym != n.Pseudonym {
			t.Fatalf("%+v, %v", f, err)
		}
		forgotten.Add(1)

		must(t)(there.Name(t.Context(), gateway)) // it does not know yet
		time.Sleep(names.Lease)
		for _, book := range []*names.Book{here, there} {
			if _, err := book.Name(t.Context(), gateway); !errors.Is(err, names.ErrForgetting) || fault.IsPermanent(err) {
				t.Errorf("error %v", err)
			}
		}
		if got := must(t)(here.Name(names.Permit(t.Context()), gateway)); got.Pseudonym != n.Pseudonym || got.Cipher == nil {
			t.Errorf("%+v", got)
		}
		if again, err := here.Begin(t.Context(), gateway, "bert", ""); err != nil || again != f {
			t.Errorf("%+v, %v; want %+v", again, err, f)
		}

		if err := here.Destroy(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		forgotten.Add(1)
		time.Sleep(names.Lease)
		for _, book := range []*names.Book{here, there} {
			if got := must(t)(book.Named(t.Context(), n.Pseudonym)); got.GatewayID != "" || got.Cipher != nil {
				t.Errorf("%+v", got)
			}
		}
		next := must(t)(there.Name(t.Context(), gateway))
		if next.Pseudonym == n.Pseudonym {
			t.Error("it has its old name again")
		}

		// What was begun is taken up again, and does not reach the new name.
		f, err = here.Begin(t.Context(), gateway, "", "")
		if err != nil || !f.Destroyed || f.Pseudonym != n.Pseudonym {
			t.Fatalf("%+v, %v", f, err)
		}
		if err := errors.Join(here.Destroy(t.Context(), f), here.End(t.Context(), f)); err != nil {
			t.Fatal(err)
		}
		here.Forget()
		if got := must(t)(here.Name(t.Context(), gateway)); got.Pseudonym != next.Pseudonym {
			t.Errorf("%+v", got)
		}
		if f, err = here.Begin(t.Context(), gateway, "", ""); err != nil || f.Pseudonym != next.Pseudonym {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// TestDestroyKilled fails each write of the destruction both ways, and does it again:
// nothing of the key is left, and that it was on purpose is known at every moment.
func TestDestroyKilled(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for fails := range int32(4) {
			secrets := newStore(t)
			book := names.New(keystore.New(secrets))
			n := must(t)(book.Name(t.Context(), gateway))
			f, err := book.Begin(t.Context(), gateway, "", "")
			if err != nil {
				t.Fatal(err)
			}
			secrets.stored = stored
			secrets.left.Store(fails)
			if err := book.Destroy(t.Context(), f); !errors.Is(err, errDown) {
				t.Fatalf("error %v", err)
			}
			secrets.left.Store(-1)
			if _, err := names.New(keystore.New(secrets)).Named(t.Context(), n.Pseudonym); err != nil {
				t.Errorf("after write %d: %v", fails, err)
			}
			book = names.New(keystore.New(secrets))
			if f, err = book.Begin(t.Context(), gateway, "", ""); err == nil {
				err = errors.Join(book.Destroy(t.Context(), f), book.End(t.Context(), f))
			}
			if err != nil {
				t.Fatal(err)
			}
			paths, err := secrets.List(t.Context(), "")
			if err != nil || len(paths) != 1 || paths[0][:2] != "f-" {
				t.Errorf("left: %v, %v", paths, err)
			}
		}
	}
}

func must(t *testing.T) func(events.Name, error) events.Name {
	return func(n events.Name, err error) events.Name {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func BenchmarkName(b *testing.B) {
	secrets, err := sealed.Open("/keys", sealed.Options{FS: durabletest.NewDisk()})
	if err != nil {
		b.Fatal(err)
	}
	book := names.New(keystore.New(secrets))
	for b.Loop() {
		if _, err := book.Name(b.Context(), gateway); err != nil {
			b.Fatal(err)
		}
	}
}
