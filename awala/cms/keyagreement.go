package cms

import (
	"crypto"
	"crypto/aes"
	"encoding/binary"
	"errors"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"awala.network/gateway/awala/internal/ber"
)

var (
	// aesArc is the object identifier 2.16.840.1.101.3.4.1, under which all AES
	// modes are.
	aesArc = []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01}

	// agreementArc is 1.3.132.1.11: elliptic curve Diffie-Hellman with the key
	// derivation of X9.63 (RFC 5753 §7.1.4), one hash function under each arc.
	agreementArc = []byte{0x2b, 0x81, 0x04, 0x01, 0x0b}
)

// wrapOverhead is how much longer a wrapped key is (RFC 3394).
const wrapOverhead = 8

// wrapKeyLens maps the last arcs of the AES key wrap identifiers to the lengths of
// their keys.
var wrapKeyLens = map[byte]int{5: 16, 25: 24, 45: 32}

// keyAgreement is a key-encryption algorithm: a key derivation and a key wrap.
type keyAgreement struct {
	hash       crypto.Hash
	kekLen     int
	identifier []byte // the AlgorithmIdentifier of the key wrap, as in the message
}

// emittedAgreement is SHA-256 with AES-128 key wrap, which all clients read.
var emittedAgreement = keyAgreement{
	hash:       crypto.SHA256,
	kekLen:     16,
	identifier: ber.Append(nil, ber.Sequence, ber.Append(nil, ber.ObjectIdentifier, aesArc, []byte{5})),
}

// emittedAgreementIdentifier is the AlgorithmIdentifier of emittedAgreement.
var emittedAgreementIdentifier = ber.Append(nil, ber.Sequence,
	ber.Append(nil, ber.ObjectIdentifier, agreementArc, []byte{1}), emittedAgreement.identifier)

// newKeyAgreement interprets a key-encryption algorithm, whose parameters are the
// AlgorithmIdentifier of the key wrap.
func newKeyAgreement(a algorithm) (keyAgreement, error) {
	arc, ok := lastArc(a.oid, agreementArc)
	hash, known := hashes[arc]
	if !ok || !known {
		return keyAgreement{}, unsupported("key agreement algorithm")
	}
	c := ber.NewCursor(a.parameters.Raw, MaxLen)
	wrap := readAlgorithm(&c)
	if c.Err() != nil || a.parameters.Indefinite {
		return keyAgreement{}, malformed("key wrap algorithm", c.Err())
	}
	arc, ok = lastArc(wrap.oid, aesArc)
	kekLen, known := wrapKeyLens[arc]
	if !ok || !known || !wrap.hasNoParameters() {
		return keyAgreement{}, unsupported("key wrap algorithm")
	}
	return keyAgreement{hash: hash, kekLen: kekLen, identifier: wrap.raw}, nil
}

// kek derives the key-encryption key from the shared secret.
func (k keyAgreement) kek(secret, ukm []byte, hasUKM bool) []byte {
	return deriveX963(k.hash, secret, k.sharedInfo(ukm, hasUKM), k.kekLen)
}

// sharedInfo returns the DER ECC-CMS-SharedInfo (RFC 5753 §7.2).
func (k keyAgreement) sharedInfo(ukm []byte, hasUKM bool) []byte {
	var entityUInfo []byte
	if hasUKM {
		entityUInfo = ber.Append(nil, ber.Context(0).Constructed(), ber.Append(nil, ber.OctetString, ukm))
	}
	bits := binary.BigEndian.AppendUint32(nil, uint32(8*k.kekLen))
	suppPubInfo := ber.Append(nil, ber.Context(2).Constructed(), ber.Append(nil, ber.OctetString, bits))
	return ber.Append(nil, ber.Sequence, k.identifier, entityUInfo, suppPubInfo)
}

// wrap encrypts a content-encryption key.
func (k keyAgreement) wrap(secret, ukm, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(k.kek(secret, ukm, true))
	if err != nil {
		return nil, err
	}
	return josecipher.KeyWrap(block, key)
}

// unwrap decrypts a content-encryption key, which must have the given length.
func (k keyAgreement) unwrap(secret, ukm []byte, hasUKM bool, wrapped []byte, keyLen int) ([]byte, error) {
	if len(wrapped) != keyLen+wrapOverhead {
		return nil, errors.New("length of the wrapped key")
	}
	block, err := aes.NewCipher(k.kek(secret, ukm, hasUKM))
	if err != nil {
		return nil, err
	}
	return josecipher.KeyUnwrap(block, wrapped)
}

// deriveX963 is the key derivation function of ANSI X9.63 (SEC 1 §3.6.1).
func deriveX963(hash crypto.Hash, secret, sharedInfo []byte, length int) []byte {
	h := hash.New()
	key := make([]byte, 0, length+hash.Size())
	for counter := uint32(1); len(key) < length; counter++ {
		h.Reset()
		h.Write(secret)
		h.Write(binary.BigEndian.AppendUint32(nil, counter))
		h.Write(sharedInfo)
		key = h.Sum(key)
	}
	return key[:length]
}
