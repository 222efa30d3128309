package keystore_test

import (
	"errors"
	"path/filepath"
	"testing"

	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
)

func TestCheckpointKeys(t *testing.T) {
	secrets, err := sealed.Open(filepath.Join(t.TempDir(), "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secrets.Close() })
	keys := keystore.New(secrets)
	for _, id := range []string{"0123abcd", "", "../x"} {
		if _, err := keys.CheckpointKey(t.Context(), id); !errors.Is(err, keystore.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := keys.SaveCheckpointKey(t.Context(), "0123abcd", "PRIVATE+KEY+x"); err != nil {
		t.Fatal(err)
	}
	if got, err := keys.CheckpointKey(t.Context(), "0123abcd"); got != "PRIVATE+KEY+x" || err != nil {
		t.Error(got, err)
	}
	if err := keys.SaveCheckpointKey(t.Context(), "../x", "PRIVATE+KEY+x"); !errors.Is(err, keystore.ErrInvalid) {
		t.Error(err)
	}
}
