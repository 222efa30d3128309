package identity_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/internal/keystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const address = "gw.example.com"

var errBroken = errors.New("broken")

// breaker makes the n-th write fail, before it takes effect or after.
type breaker struct {
	mu      sync.Mutex
	n       int // counts down to the write that fails
	stored  bool
	reached bool
}

func (b *breaker) write(do func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n--
	fails := b.n == 0
	b.reached = b.reached || fails
	if fails && !b.stored {
		return errBroken
	}
	if err := do(); err != nil || !fails {
		return err
	}
	return errBroken
}

// secrets is a key store in memory.
type secrets struct {
	*breaker
	records map[string]keystore.Record
}

func (s secrets) Get(_ context.Context, path string) (keystore.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.records[path]; ok {
		return r, nil
	}
	return nil, keystore.ErrNotFound
}

func (s secrets) Put(_ context.Context, path string, r keystore.Record) error {
	return s.write(func() error { s.records[path] = r; return nil })
}

func (s secrets) Create(context.Context, string, keystore.Record) error { return errBroken }
func (s secrets) Delete(context.Context, string) error                  { return errBroken }
func (s secrets) List(context.Context, string) ([]string, error)        { return nil, errBroken }

// log is a real history that can fail.
type log struct {
	*breaker
	*jetstream.Log
}

func (l log) Append(ctx context.Context, e events.Event) (p events.Position, err error) {
	err = l.write(func() error { p, err = l.Log.Append(ctx, e); return err })
	return p, err
}

// world is what survives a restart.
type world struct {
	breaker breaker
	secrets secrets
	log     log
	now     time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{now: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)}
	w.secrets = secrets{&w.breaker, map[string]keystore.Record{}}
	w.log = log{&w.breaker, jetstreamtest.Open(t)}
	return w
}

func (w *world) start(ctx context.Context, address string) (*identity.Identity, error) {
	return identity.Ensure(ctx, identity.Deps{
		Keys: keystore.New(w.secrets), Log: w.log,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	}, address)
}

func (w *world) mustStart(t *testing.T) *identity.Identity {
	t.Helper()
	i, err := w.start(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestFirstStartAndNext(t *testing.T) {
	w := newWorld(t)
	first := w.mustStart(t)
	if err := checkUsable(t.Context(), first, w.now); err != nil {
		t.Error(err)
	}
	again, err := w.start(t.Context(), "GW.Example.com.")
	if err != nil {
		t.Fatal(err)
	}
	if first.NodeID() != again.NodeID() || again.InternetAddress() != address {
		t.Errorf("another identity: %s at %s", again.NodeID(), again.InternetAddress())
	}
	if !first.Certificate().Equal(again.Certificate()) {
		t.Error("another certificate")
	}
}

// checkUsable tells whether an identity has all that it takes to serve.
func checkUsable(ctx context.Context, i *identity.Identity, now time.Time) error {
	if id, err := pki.NodeID(i.Key().Public().(*rsa.PublicKey)); err != nil || id != i.NodeID() || !pki.ValidNodeID(id) {
		return errors.New("the key is not that of " + i.NodeID())
	}
	if _, err := i.InitialSessionKey(ctx); err != nil {
		return err
	}
	peer, err := pki.GenerateIdentityKey()
	if err != nil {
		return err
	}
	issued, err := i.IssueFor(&peer.PublicKey)
	if err != nil {
		return err
	}
	_, err = i.Validator().Path(issued, nil, now)
	return err
}

func TestFirstStartInterrupted(t *testing.T) {
	// The writes: identity key, IdentityCreated, OwnCertificateIssued, session key
	// by its id, session key as the initial one.
	for n := 1; n <= 5; n++ {
		for _, stored := range []bool{false, true} {
			w := newWorld(t)
			w.breaker.n, w.breaker.stored = n, stored
			if _, err := w.start(t.Context(), address); !errors.Is(err, errBroken) || fault.IsFatal(err) {
				t.Errorf("write %d, stored %v: got %v", n, stored, err)
			}
			second := w.mustStart(t)
			if err := checkUsable(t.Context(), second, w.now); err != nil {
				t.Errorf("write %d, stored %v: %v", n, stored, err)
			}
			third := w.mustStart(t)
			if second.NodeID() != third.NodeID() || !second.Certificate().Equal(third.Certificate()) {
				t.Errorf("write %d, stored %v: the identity changed", n, stored)
			}
		}
	}
}

func TestConcurrentFirstStartsAgree(t *testing.T) {
	w := newWorld(t)
	ids := make([]string, 3)
	var all sync.WaitGroup
	for n := range ids {
		all.Go(func() {
			if i, err := w.start(t.Context(), address); err != nil {
				t.Error(err)
			} else {
				ids[n] = i.NodeID()
			}
		})
	}
	all.Wait()
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("several identities: %v", ids)
	}
}

func TestStartRefused(t *testing.T) {
	w := newWorld(t)
	w.mustStart(t)
	if _, err := w.start(t.Context(), "other.example.com"); !fault.IsFatal(err) {
		t.Errorf("another address: %v", err)
	}
	clear(w.secrets.records)
	if _, err := w.start(t.Context(), address); !fault.IsFatal(err) || !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("no key: %v", err)
	}
}

func TestCertificates(t *testing.T) {
	w := newWorld(t)
	i := w.mustStart(t)
	own := i.Certificate()
	if got := own.NotAfter().Sub(own.NotBefore()); got != identity.CertificateLife {
		t.Errorf("valid for %v", got)
	}
	if got := own.NotBefore(); got != w.now.Add(-identity.Backdating) {
		t.Errorf("valid from %v", got)
	}
	peer, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	issued, err := i.IssueFor(&peer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	type validity struct{ From, To time.Time }
	want := validity{w.now.Add(-identity.Backdating), own.NotAfter()}
	if diff := cmp.Diff(want, validity{issued.NotBefore(), issued.NotAfter()}); diff != "" {
		t.Error(diff)
	}
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	i, other := w.mustStart(t), w.mustStart(t)
	first := i.Certificate()
	peer, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := i.IssueFor(&peer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(identity.RotationAge - time.Minute)
	if rotated, err := i.RotateIfDue(t.Context()); rotated || err != nil {
		t.Errorf("a minute early: %v, %v", rotated, err)
	}
	w.now = w.now.Add(time.Minute)
	if rotated, err := i.RotateIfDue(t.Context()); !rotated || err != nil {
		t.Errorf("when due: %v, %v", rotated, err)
	}
	if i.Certificate().Equal(first) || i.Certificate().SubjectID() != i.NodeID() {
		t.Error("no new certificate for the same key")
	}
	if _, err := i.Validator().Path(issued, nil, w.now); err != nil {
		t.Errorf("what the first certificate vouches for: %v", err)
	}
	if other.Certificate().Equal(i.Certificate()) {
		t.Fatal("the other process knows already")
	}
	if err := other.Refresh(t.Context()); err != nil || !other.Certificate().Equal(i.Certificate()) {
		t.Errorf("the other process has another certificate: %v", err)
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	i, other := w.mustStart(t), w.mustStart(t)
	watch, err := w.log.Watch(t.Context(), events.IdentityChannel)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	ctx, cancel := context.WithCancel(t.Context())
	looked, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- other.Follow(ctx, func(ctx context.Context) error {
			looked <- struct{}{}
			_, err := watch.Next(ctx)
			return err
		})
	}()
	<-looked
	w.now = w.now.Add(identity.CertificateLife)
	if rotated, err := i.RotateIfDue(t.Context()); !rotated || err != nil {
		t.Fatalf("rotated %t, %v", rotated, err)
	}
	for <-looked; !other.Certificate().Equal(i.Certificate()); <-looked { // other records may wake it, too
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow: %v", err)
	}
}
