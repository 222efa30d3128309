package sealed

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"

	"awala.network/gateway/internal/keystore"
)

// magic begins every sealed file, with the version of its format; the
// ciphertext of the record in JSON follows.
const magic = "awala sealed record 1\n"

// maxSealedLen bounds a sealed file. JSON writes one octet with up to six.
const maxSealedLen = 8*keystore.MaxRecordLen + 1024

// associatedData binds a ciphertext to its use and its path.
func associatedData(path string) []byte { return []byte("awala key store record " + path) }

func seal(aead tink.AEAD, path string, r keystore.Record) ([]byte, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sealed, err := aead.Encrypt(plain, associatedData(path))
	if err != nil {
		return nil, err
	}
	return append([]byte(magic), sealed...), nil
}

// open is the inverse of seal. The error wraps keystore.ErrCorrupt.
func open(aead tink.AEAD, path string, raw []byte) (keystore.Record, error) {
	sealed, ok := bytes.CutPrefix(raw, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("%w: not a sealed record", keystore.ErrCorrupt)
	}
	plain, err := aead.Decrypt(sealed, associatedData(path))
	if err != nil {
		return nil, fmt.Errorf("%w: it does not open with this keyset and path", keystore.ErrCorrupt)
	}
	return parseRecord(path, plain)
}

func parseRecord(path string, plain []byte) (keystore.Record, error) {
	var r keystore.Record
	if err := json.Unmarshal(plain, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", keystore.ErrCorrupt, err)
	}
	if err := keystore.CheckRecord(path, r); err != nil {
		return nil, fmt.Errorf("%w: %v", keystore.ErrCorrupt, err)
	}
	return r, nil
}
