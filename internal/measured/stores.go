package measured

import (
	"context"
	"iter"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/keystore"
)

// Blobs returns store with its requests timed.
func (s *Services) Blobs(store blobs.Store) blobs.Store { return &timedBlobs{s, store} }

type timedBlobs struct {
	*Services
	store blobs.Store
}

func (t *timedBlobs) Put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	ctx, done := t.begin(ctx, "blobs", "put")
	err := t.store.Put(ctx, key, body, m)
	done(err)
	return err
}

func (t *timedBlobs) Get(ctx context.Context, key string) ([]byte, blobs.Meta, error) {
	ctx, done := t.begin(ctx, "blobs", "get")
	body, m, err := t.store.Get(ctx, key)
	done(err)
	return body, m, err
}

func (t *timedBlobs) Stat(ctx context.Context, key string) (blobs.Info, error) {
	ctx, done := t.begin(ctx, "blobs", "stat")
	info, err := t.store.Stat(ctx, key)
	done(err)
	return info, err
}

func (t *timedBlobs) Delete(ctx context.Context, key string) error {
	ctx, done := t.begin(ctx, "blobs", "delete")
	err := t.store.Delete(ctx, key)
	done(err)
	return err
}

// List is not timed: how long it takes is its consumer's doing.
func (t *timedBlobs) List(ctx context.Context, prefix string) iter.Seq2[blobs.Info, error] {
	return t.store.List(ctx, prefix)
}

// Secrets returns store with its requests timed.
func (s *Services) Secrets(store keystore.Secrets) keystore.Secrets { return &timedSecrets{s, store} }

type timedSecrets struct {
	*Services
	store keystore.Secrets
}

func (t *timedSecrets) Get(ctx context.Context, path string) (keystore.Record, error) {
	ctx, done := t.begin(ctx, "keys", "get")
	r, err := t.store.Get(ctx, path)
	done(err)
	return r, err
}

func (t *timedSecrets) Put(ctx context.Context, path string, r keystore.Record) error {
	ctx, done := t.begin(ctx, "keys", "put")
	err := t.store.Put(ctx, path, r)
	done(err)
	return err
}

func (t *timedSecrets) Create(ctx context.Context, path string, r keystore.Record) error {
	ctx, done := t.begin(ctx, "keys", "put")
	err := t.store.Create(ctx, path, r)
	done(err)
	return err
}

func (t *timedSecrets) Delete(ctx context.Context, path string) error {
	ctx, done := t.begin(ctx, "keys", "delete")
	err := t.store.Delete(ctx, path)
	done(err)
	return err
}

func (t *timedSecrets) List(ctx context.Context, prefix string) ([]string, error) {
	ctx, done := t.begin(ctx, "keys", "list")
	paths, err := t.store.List(ctx, prefix)
	done(err)
	return paths, err
}
