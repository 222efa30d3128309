package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
)

// memory is a stream in memory, whose end can be cut off.
type memory struct{ messages []events.Message }

var errAhead = fault.Fatal(errors.New("past the end"))

func (m *memory) Messages(_ context.Context, _ string, from uint64) iter.Seq2[events.Message, error] {
	if last := len(m.messages); last > 0 && from > m.messages[last-1].Sequence+1 {
		return func(yield func(events.Message, error) bool) { yield(events.Message{}, errAhead) }
	}
	return each(slices.DeleteFunc(slices.Clone(m.messages), func(e events.Message) bool { return e.Sequence < from }))
}

// memoryBlobs is a store in memory that fails when told to.
type memoryBlobs struct {
	mu      sync.Mutex
	objects map[string][]byte
	fail    func() (before, after bool) // at each write
}

var errBlobs = errors.New("the store is away")

func (b *memoryBlobs) write(f func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, after := false, false
	if b.fail != nil {
		before, after = b.fail()
	}
	if before {
		return errBlobs
	}
	f()
	if after {
		return errBlobs
	}
	return nil
}

func (b *memoryBlobs) Put(_ context.Context, key string, body []byte, m blobs.Meta) error {
	if _, taken := b.objects[key]; taken && m.IfAbsent {
		return blobs.ErrExists
	}
	return b.write(func() { b.objects[key] = slices.Clone(body) })
}

func (b *memoryBlobs) Get(_ context.Context, key string) ([]byte, blobs.Meta, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, ok := b.objects[key]
	if !ok {
		return nil, blobs.Meta{}, blobs.ErrNotFound
	}
	return slices.Clone(body), blobs.Meta{}, nil
}

func (b *memoryBlobs) Stat(context.Context, string) (blobs.Info, error) {
	return blobs.Info{}, errors.ErrUnsupported
}

func (b *memoryBlobs) Delete(_ context.Context, key string) error {
	return b.write(func() { delete(b.objects, key) })
}

func (b *memoryBlobs) List(_ context.Context, prefix string) iter.Seq2[blobs.Info, error] {
	var found []blobs.Info
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if strings.HasPrefix(key, prefix) {
			found = append(found, blobs.Info{Key: key})
		}
	}
	return each(found)
}

func newRecorder(tb testing.TB, stream *memory, store blobs.Store) *evidence.Recorder {
	tb.Helper()
	signer, verifier := newSigner(tb)
	return &evidence.Recorder{
		History: stream, Gateway: "gw.example.com", Key: evidence.Key{Signer: signer},
		Store: evidence.Store{Blobs: store, Verifier: verifier},
	}
}

// TestRecorderGrowsWithTheStream shows that the evidence is the same however it
// came about: at once or bit by bit, interrupted by failures before and after each
// write, and by one process or by two in turn.
func TestRecorderGrowsWithTheStream(t *testing.T) {
	signer, verifier := newSigner(t)
	rapid.Check(t, func(rt *rapid.T) {
		whole := newHistory(rapid.IntRange(1, 1500).Draw(rt, "events"), 3, 4, 900)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		stream, store := &memory{}, &memoryBlobs{objects: map[string][]byte{}}
		r := &evidence.Recorder{
			History: stream, Gateway: "gw.example.com", Key: evidence.Key{Signer: signer},
			Store: evidence.Store{Blobs: store, Verifier: verifier},
		}
		var signed []evidence.Signed
		for n := 0; n < len(whole.messages); {
			n = min(n+1+random.IntN(400), len(whole.messages))
			stream.messages = whole.messages[:n]
			store.fail = func() (bool, bool) { return random.IntN(9) == 0, random.IntN(9) == 0 }
			if _, err := r.Advance(t.Context(), "S"); err != nil && !errors.Is(err, errBlobs) {
				rt.Fatal(err)
			}
			store.fail = nil
			c, err := r.Advance(t.Context(), "S")
			if err != nil {
				rt.Fatal(err)
			}
			signed = append(signed, c)
		}
		checkEvidence(rt, t.Context(), r.Store, whole, signed)
	})
}

// checkEvidence holds what was recorded against a history: roots, consistency of
// all checkpoints, inclusion, and that an audit finds nothing.
func checkEvidence(rt *rapid.T, ctx context.Context, store evidence.Store, whole history, signed []evidence.Signed) {
	last := signed[len(signed)-1]
	leaves := whole.leaves[:last.Size]
	tiles := evidence.Tiles(func(ctx context.Context, t tlog.Tile) ([]byte, error) { return store.Tile(ctx, "S", t) })
	if want := (history{leaves: leaves}).checkpoint(); want.Root != last.Root {
		rt.Fatalf("root of %d is %v, want %v", last.Size, last.Root, want.Root)
	}
	for _, former := range signed {
		if _, err := evidence.Extends(ctx, last.Checkpoint, former.Checkpoint, tiles); err != nil {
			rt.Fatal(err)
		}
		if again, err := store.At(ctx, "S", former.Size); err != nil || cmp.Diff(former, again) != "" {
			rt.Fatalf("checkpoint at %d: %v", former.Size, err)
		}
	}
	m := whole.messages[len(whole.messages)/2]
	proof, err := evidence.Include(ctx, last, tiles, m.Sequence)
	if err != nil {
		rt.Fatal(err)
	}
	if _, err := proof.Check(store.Verifier, m); err != nil {
		rt.Fatal(err)
	}
	m.Body = []byte("another")
	if _, err := proof.Check(store.Verifier, m); !errors.Is(err, evidence.ErrProof) {
		rt.Fatalf("another event is proven: %v", err)
	}
	result, err := evidence.Audit(evidence.Subject{
		Checkpoint: last.Checkpoint, Leaves: tiles.Leaves(ctx, last.Size), Messages: each(whole.messages),
	})
	if err != nil || !result.OK() || result.Verified != int64(len(whole.messages)) {
		rt.Fatalf("%+v, %v", result, err)
	}
}

func TestNothingNewWritesNothing(t *testing.T) {
	store := &memoryBlobs{objects: map[string][]byte{}}
	r := newRecorder(t, &memory{newHistory(300).messages}, store)
	first, err := r.Advance(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	store.fail = func() (bool, bool) { return true, true }
	again, err := r.Advance(t.Context(), "S")
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
	want := []string{"tile/8/0/000", "tile/8/0/001.p/44", "tile/8/1/000.p/1", "checkpoint", "checkpoints/00000000000000000300"}
	for i := range want {
		want[i] = "evidence/S/" + want[i]
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(store.objects))); diff != "" {
		t.Error(diff)
	}
}

// TestEvidenceIsNotBuiltOnSand shows that nothing is signed on top of what was
// tampered with, and that the gateway does not stop over it.
func TestEvidenceIsNotBuiltOnSand(t *testing.T) {
	whole := newHistory(400)
	for name, tamper := range map[string]func(*memory, *memoryBlobs){
		"tile":       func(_ *memory, b *memoryBlobs) { b.objects["evidence/S/tile/8/0/000.p/200"][5] ^= 1 },
		"lost tile":  func(_ *memory, b *memoryBlobs) { delete(b.objects, "evidence/S/tile/8/0/000.p/200") },
		"checkpoint": func(_ *memory, b *memoryBlobs) { b.objects["evidence/S/checkpoint"][14] ^= 1 },
		"lost end":   func(m *memory, _ *memoryBlobs) { m.messages = whole.messages[:100] },
	} {
		t.Run(name, func(t *testing.T) {
			stream, store := &memory{whole.messages[:200]}, &memoryBlobs{objects: map[string][]byte{}}
			r := newRecorder(t, stream, store)
			if _, err := r.Advance(t.Context(), "S"); err != nil {
				t.Fatal(err)
			}
			stream.messages = whole.messages
			tamper(stream, store)
			if _, err := r.Advance(t.Context(), "S"); err == nil || fault.IsFatal(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLostCheckpointIsNotSignedAnew removes the newest checkpoint after history was
// rewritten: the rewritten one must not be signed.
func TestLostCheckpointIsNotSignedAnew(t *testing.T) {
	stream, store := &memory{newHistory(300).messages}, &memoryBlobs{objects: map[string][]byte{}}
	r := newRecorder(t, stream, store)
	first, err := r.Advance(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	delete(store.objects, "evidence/S/checkpoint")
	stream.messages = slices.Clone(stream.messages)
	stream.messages[10].Body = []byte("rewritten")
	again, err := r.Advance(t.Context(), "S")
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestKeyIsMadeOnce lets processes race for the first key, on real stores.
func TestKeyIsMadeOnce(t *testing.T) {
	store, err := files.Open(t.TempDir(), files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	secrets, err := sealed.Open(filepath.Join(t.TempDir(), "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secrets.Close() })
	keys := keystore.New(secrets)
	got := make([]string, 5)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			key, err := evidence.EnsureKey(t.Context(), keys, store, "gw.example.com")
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = key.Public
			if _, err := note.NewVerifier(key.Public); err != nil || key.Name() != "gw.example.com" {
				t.Errorf("%s: %v", key.Public, err)
			}
		})
	}
	wg.Wait()
	if len(slices.Compact(got)) != 1 {
		t.Errorf("several keys: %v", got)
	}
	empty, err := sealed.Open(filepath.Join(t.TempDir(), "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = empty.Close() })
	if _, err := evidence.EnsureKey(t.Context(), keystore.New(empty), store, "x"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("the private key is lost: %v", err)
	}
}

func BenchmarkAudit(b *testing.B) {
	h := newHistory(10_000)
	for b.Loop() {
		if result, err := h.audit(h.messages); err != nil || !result.OK() {
			b.Fatal(fmt.Sprint(result, err))
		}
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "events/s")
}
