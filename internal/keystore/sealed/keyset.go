package sealed

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/crypto/scrypt"
)

// ErrPassphrase says that the passphrase is not the one that the keyset was
// wrapped with, or that one was given and none is needed, or the reverse. (A
// damaged keyset cannot be told from a wrong passphrase.)
var ErrPassphrase = errors.New("wrong passphrase for the keyset")

// keysetFile is the JSON form of the keyset file.
type keysetFile struct {
	Version int    `json:"version"`
	Salt    []byte `json:"scryptSalt,omitempty"` // absent when the keyset is in the clear
	Keyset  []byte `json:"keyset"`               // Tink's binary form
}

const (
	keysetVersion = 1
	maxKeysetLen  = 1 << 20
	saltLen       = 16
)

// scryptCost is N of RFC 7914; r is 8 and p is 1. It takes about 0.1 s, once.
const scryptCost = 1 << 15

// keysetUse is the associated data of wrapped keysets.
var keysetUse = []byte("awala key store keyset")

// newKeyset makes a keyset and the file that keeps it.
func newKeyset(passphrase []byte) (raw []byte, _ tink.AEAD, err error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, nil, fmt.Errorf("make keyset: %w", err)
	}
	file := keysetFile{Version: keysetVersion}
	if passphrase != nil {
		file.Salt = make([]byte, saltLen)
		rand.Read(file.Salt) // never fails, by its contract
	}
	if file.Keyset, err = wrap(handle, passphrase, file.Salt); err != nil {
		return nil, nil, fmt.Errorf("wrap keyset: %w", err)
	}
	if raw, err = json.Marshal(file); err != nil {
		return nil, nil, err
	}
	a, err := aead.New(handle)
	return raw, a, err
}

func wrap(handle *keyset.Handle, passphrase, salt []byte) ([]byte, error) {
	var out bytes.Buffer
	writer := keyset.NewBinaryWriter(&out)
	if passphrase == nil {
		err := insecurecleartextkeyset.Write(handle, writer)
		return out.Bytes(), err
	}
	master, err := masterKey(passphrase, salt)
	if err != nil {
		return nil, err
	}
	err = handle.WriteWithAssociatedData(writer, master, keysetUse)
	return out.Bytes(), err
}

// parseKeyset reads the keyset file.
func parseKeyset(raw, passphrase []byte) (tink.AEAD, error) {
	var file keysetFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("keyset file: %w", err)
	}
	if file.Version != keysetVersion {
		return nil, fmt.Errorf("keyset file of version %d", file.Version)
	}
	handle, err := unwrap(file, passphrase)
	if err != nil {
		return nil, err
	}
	return aead.New(handle)
}

func unwrap(file keysetFile, passphrase []byte) (*keyset.Handle, error) {
	reader := keyset.NewBinaryReader(bytes.NewReader(file.Keyset))
	switch {
	case file.Salt == nil && passphrase != nil:
		return nil, fmt.Errorf("%w: the keyset is not wrapped", ErrPassphrase)
	case file.Salt != nil && passphrase == nil:
		return nil, fmt.Errorf("%w: the keyset is wrapped, and none was given", ErrPassphrase)
	case file.Salt == nil:
		handle, err := insecurecleartextkeyset.Read(reader)
		if err != nil {
			return nil, fmt.Errorf("keyset: %w", err)
		}
		return handle, nil
	}
	master, err := masterKey(passphrase, file.Salt)
	if err != nil {
		return nil, err
	}
	handle, err := keyset.ReadWithAssociatedData(reader, master, keysetUse)
	if err != nil {
		return nil, ErrPassphrase
	}
	return handle, nil
}

// masterKey derives the AEAD that wraps the keyset.
func masterKey(passphrase, salt []byte) (tink.AEAD, error) {
	key, err := scrypt.Key(passphrase, salt, scryptCost, 8, 1, 32)
	if err != nil {
		return nil, err
	}
	return subtle.NewXChaCha20Poly1305(key)
}
