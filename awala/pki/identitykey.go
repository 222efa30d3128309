package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// RS-018 sets the minimum. The maximum keeps a stranger from making every
// signature check arbitrarily expensive.
const (
	minModulusBits = 2048
	maxModulusBits = 8192
)

// nodeIDLen is the length of a node id: one version digit and 32 octets in hex.
const nodeIDLen = 1 + 2*sha256.Size

// rsaAlgorithm is the AlgorithmIdentifier of every identity key: rsaEncryption
// with NULL parameters, though the keys only ever make PSS signatures. Node ids
// depend on it.
var rsaAlgorithm = []byte{
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
}

// GenerateIdentityKey makes a new RSA-2048 key (RS-018).
func GenerateIdentityKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, minModulusBits)
	if err != nil {
		return nil, refuse(ErrKey, "generating an identity key", err)
	}
	return key, nil
}

// NodeID returns the id of the node with the given identity key: "0" and the
// SHA-256 digest of the key's SubjectPublicKeyInfo in lower-case hex, 65
// characters (RS-000, Addressing). Keys outside RS-018 yield ErrKey.
func NodeID(pub *rsa.PublicKey) (string, error) {
	spki, err := MarshalPublicKey(pub)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(spki)
	return nodeID(digest[:]), nil
}

// ValidNodeID tells whether id has the form of a node id.
func ValidNodeID(id string) bool {
	if len(id) != nodeIDLen || id[0] != '0' {
		return false
	}
	for _, c := range []byte(id[1:]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// MarshalPublicKey returns the DER SubjectPublicKeyInfo of an identity key.
func MarshalPublicKey(pub *rsa.PublicKey) ([]byte, error) {
	if err := checkIdentityKey(pub); err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, refuse(ErrKey, "encoding an identity key", err)
	}
	return spki, nil
}

// ParsePublicKey reads the DER SubjectPublicKeyInfo of an identity key. Anything
// but an rsaEncryption key with NULL parameters in its one canonical encoding
// yields ErrMalformed or ErrKey, because two encodings of one key would be two
// node ids.
func ParsePublicKey(spki []byte) (*rsa.PublicKey, error) {
	if !canonicalSPKI(spki) {
		return nil, refuse(ErrMalformed, "SubjectPublicKeyInfo of an identity key", nil)
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, refuse(ErrMalformed, "identity key", err)
	}
	pub, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, refuse(ErrKey, "identity key is not an RSA key", nil)
	}
	if err := checkIdentityKey(pub); err != nil {
		return nil, err
	}
	return pub, nil
}

// MarshalPrivateKey returns the DER PKCS#8 encoding of an identity key.
func MarshalPrivateKey(key *rsa.PrivateKey) ([]byte, error) {
	if key == nil {
		return nil, refuse(ErrKey, "no identity key", nil)
	}
	if err := checkIdentityKey(&key.PublicKey); err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, refuse(ErrKey, "encoding an identity key", err)
	}
	return pkcs8, nil
}

// ParsePrivateKey reads the DER PKCS#8 encoding of an identity key.
func ParsePrivateKey(pkcs8 []byte) (*rsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, refuse(ErrMalformed, "identity key", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, refuse(ErrKey, "identity key is not an RSA key", nil)
	}
	if err := checkIdentityKey(&private.PublicKey); err != nil {
		return nil, err
	}
	return private, nil
}

func checkIdentityKey(pub *rsa.PublicKey) error {
	switch {
	case pub == nil || pub.N == nil:
		return refuse(ErrKey, "no RSA key", nil)
	case pub.N.BitLen() < minModulusBits:
		return refuse(ErrKey, "RSA modulus under 2048 bits", nil)
	case pub.N.BitLen() > maxModulusBits:
		return refuse(ErrKey, "RSA modulus over 8192 bits", nil)
	}
	return nil
}

// canonicalSPKI tells whether spki is the one DER encoding of an RSA key with
// the algorithm that Awala demands, with nothing left over at any level.
func canonicalSPKI(spki []byte) bool {
	var body, algorithm, bits, key, number cryptobyte.String
	input := cryptobyte.String(spki)
	return input.ReadASN1(&body, asn1.SEQUENCE) && input.Empty() &&
		body.ReadASN1Element(&algorithm, asn1.SEQUENCE) && bytes.Equal(algorithm, rsaAlgorithm) &&
		body.ReadASN1(&bits, asn1.BIT_STRING) && body.Empty() &&
		bits.Skip(1) && // the count of unused bits, which x509 wants to be zero
		bits.ReadASN1(&key, asn1.SEQUENCE) && bits.Empty() &&
		key.ReadASN1(&number, asn1.INTEGER) && key.ReadASN1(&number, asn1.INTEGER) && key.Empty()
}

func nodeID(spkiDigest []byte) string { return "0" + hex.EncodeToString(spkiDigest) }
