package registration

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"awala.network/gateway/awala/pki"
)

// KeyDigest is the SHA-256 digest of the DER SubjectPublicKeyInfo of the key
// that a private node means to register.
type KeyDigest [sha256.Size]byte

// DigestKey computes the digest of an identity key.
func DigestKey(key *rsa.PublicKey) (KeyDigest, error) {
	spki, err := pki.MarshalPublicKey(key)
	if err != nil {
		return KeyDigest{}, fmt.Errorf("registration: digest key: %w", err)
	}
	return sha256.Sum256(spki), nil
}

// ParseKeyDigest reads the body of a pre-registration request: exactly 64
// lowercase hexadecimal digits.
func ParseKeyDigest(body []byte) (KeyDigest, error) {
	var digest KeyDigest
	if len(body) != hex.EncodedLen(len(digest)) {
		return KeyDigest{}, fmt.Errorf("%w: key digest of %d characters", ErrMalformed, len(body))
	}
	for _, c := range body {
		if 'A' <= c && c <= 'F' {
			return KeyDigest{}, fmt.Errorf("%w: key digest in capitals", ErrMalformed)
		}
	}
	if _, err := hex.Decode(digest[:], body); err != nil {
		return KeyDigest{}, fmt.Errorf("%w: key digest: %w", ErrMalformed, err)
	}
	return digest, nil
}

// String writes the digest as [ParseKeyDigest] reads it.
func (d KeyDigest) String() string { return hex.EncodeToString(d[:]) }

// NodeID is the id of the node whose key has this digest.
func (d KeyDigest) NodeID() string { return "0" + d.String() }
