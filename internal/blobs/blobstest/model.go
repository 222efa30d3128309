package blobstest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/internal/blobs"
)

// testModel runs random sequences of calls and compares each answer with a map.
func testModel(t *testing.T, s space) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			store:   s.Store,
			root:    s.root + "/" + randomSegment(),
			objects: map[string]object{},
		}
		t.Repeat(rapid.StateMachineActions(m))
	})
}

type object struct {
	body []byte
	meta blobs.Meta
}

// model is a rapid state machine: its exported methods are its actions.
type model struct {
	store   blobs.Store
	root    string
	objects map[string]object
}

func (m *model) drawKey(t *rapid.T) string {
	names := []string{"a/b/1", "a/b/2", "a/c", "a-d", "e/f/g/h"}
	return m.root + "/" + rapid.SampledFrom(names).Draw(t, "key")
}

// Put puts, replacing or not.
func (m *model) Put(t *rapid.T) {
	key, body := m.drawKey(t), rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body")
	meta := blobs.Meta{ContentType: blobs.DefaultContentType, IfAbsent: rapid.Bool().Draw(t, "if absent")}
	if rapid.Bool().Draw(t, "expires") {
		meta.ExpiresAt = time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "expiry"), 0).UTC()
	}
	err := m.store.Put(context.Background(), key, body, meta)
	if _, taken := m.objects[key]; taken && meta.IfAbsent {
		if !errors.Is(err, blobs.ErrExists) {
			t.Fatalf("Put() error is %v, want ErrExists", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	meta.IfAbsent = false
	m.objects[key] = object{body, meta}
}

// Get gets.
func (m *model) Get(t *rapid.T) {
	key := m.drawKey(t)
	body, meta, err := m.store.Get(context.Background(), key)
	want, there := m.objects[key]
	if !there {
		if !errors.Is(err, blobs.ErrNotFound) {
			t.Fatalf("Get() error is %v, want ErrNotFound", err)
		}
		return
	}
	if err != nil || !bytes.Equal(body, want.body) || !cmp.Equal(meta, want.meta) {
		t.Fatalf("Get() = %q, %v, %v; want %q, %v", body, meta, err, want.body, want.meta)
	}
}

// Delete deletes.
func (m *model) Delete(t *rapid.T) {
	key := m.drawKey(t)
	if err := m.store.Delete(context.Background(), key); err != nil {
		t.Fatal(err)
	}
	delete(m.objects, key)
}

// Check compares the listing after each action.
func (m *model) Check(t *rapid.T) {
	var want, got []string
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, m.root+"/a") {
			want = append(want, key)
		}
	}
	for info, err := range m.store.List(context.Background(), m.root+"/a") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
		if info.Size != int64(len(m.objects[info.Key].body)) {
			t.Fatalf("listed size %d of %s", info.Size, info.Key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("List() (-want +got):\n%s", diff)
	}
}
