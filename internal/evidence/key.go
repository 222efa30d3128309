package evidence

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

// keyObject is where the public key is published.
const keyObject = Prefix + "key"

// Keys keeps the private keys that sign checkpoints, by the hexadecimal hash of
// the key.
type Keys interface {
	CheckpointKey(ctx context.Context, id string) (string, error)
	SaveCheckpointKey(ctx context.Context, id, key string) error
}

// Key is the key that signs a gateway's checkpoints.
type Key struct {
	note.Signer
	// Public is the public key in the form that --key takes.
	Public string
}

// EnsureKey returns the key of a gateway, which the first call makes. Several
// processes may call it at once: the private key is in the key store before the
// public one is published, and the first to publish decides.
func EnsureKey(ctx context.Context, keys Keys, store blobs.Store, gateway string) (Key, error) {
	public, err := PublishedKey(ctx, store)
	if errors.Is(err, blobs.ErrNotFound) {
		public, err = createKey(ctx, keys, store, gateway)
	}
	if err != nil {
		return Key{}, fmt.Errorf("evidence: key: %w", err)
	}
	private, err := keys.CheckpointKey(ctx, keyID(public))
	if err != nil {
		return Key{}, fmt.Errorf("evidence: key: %w", err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return Key{}, fault.Permanent(fmt.Errorf("evidence: key %s: %w", keyID(public), err))
	}
	return Key{signer, public}, nil
}

// PublishedKey returns the public key of the gateway whose store it is.
func PublishedKey(ctx context.Context, store blobs.Store) (string, error) {
	body, _, err := store.Get(ctx, keyObject)
	return strings.TrimSpace(string(body)), err
}

// createKey makes a key, and returns the public one of whoever was first.
func createKey(ctx context.Context, keys Keys, store blobs.Store, gateway string) (string, error) {
	private, public, err := note.GenerateKey(rand.Reader, gateway)
	if err != nil {
		return "", err
	}
	if err := keys.SaveCheckpointKey(ctx, keyID(public), private); err != nil {
		return "", err
	}
	err = store.Put(ctx, keyObject, []byte(public+"\n"), blobs.Meta{ContentType: "text/plain", IfAbsent: true})
	if errors.Is(err, blobs.ErrExists) {
		return PublishedKey(ctx, store)
	}
	return public, err
}

// keyID returns the hash of a key in text form, NAME+HASH+BASE64.
func keyID(public string) string {
	_, rest, _ := strings.Cut(public, "+")
	id, _, _ := strings.Cut(rest, "+")
	return id
}
