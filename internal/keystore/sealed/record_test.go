package sealed

import (
	"errors"
	"testing"

	"awala.network/gateway/internal/keystore"
)

// Whatever a sealed file holds, it opens as a valid record or is corrupt. The
// plaintext is fuzzed too: whoever can seal may still write nonsense.
func FuzzOpen(f *testing.F) {
	_, aead, err := newKeyset(nil)
	if err != nil {
		f.Fatal(err)
	}
	good, err := seal(aead, "a", keystore.Record{"k": "v"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte(`{"k":"v"}`))
	f.Add([]byte(magic), []byte(`{"k":1}`))
	f.Add([]byte(nil), []byte(`null`))
	f.Fuzz(func(t *testing.T, raw, plain []byte) {
		_, openErr := open(aead, "a", raw)
		_, parseErr := parseRecord("a", plain)
		for _, err := range []error{openErr, parseErr} {
			if err != nil && !errors.Is(err, keystore.ErrCorrupt) {
				t.Errorf("wrong class: %v", err)
			}
		}
	})
}

// A keyset file that is not ours is refused without a panic.
func FuzzParseKeyset(f *testing.F) {
	clear, _, err := newKeyset(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(clear)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if aead, err := parseKeyset(raw, nil); err == nil && aead == nil {
			t.Error("neither keys nor an error")
		}
	})
}
