package pki

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
)

// sessionKeyIDLen is the length of the ids that we give to session keys, as all
// deployed clients do (RS-003 leaves it open).
const sessionKeyIDLen = 8

// SessionPublicKey is the public half of a node's session key (RS-003).
type SessionPublicKey struct {
	// ID identifies the key to its owner; opaque octets.
	ID []byte
	// Key is a point on P-256, or on P-384 or P-521 when it is a peer's.
	Key *ecdh.PublicKey
}

// SessionKey is a session key pair (RS-003).
type SessionKey struct {
	// ID identifies the key; opaque octets.
	ID []byte
	// Key is a key on P-256, or on P-384 or P-521 when it was read.
	Key *ecdh.PrivateKey
}

// GenerateSessionKey makes a P-256 key pair with a random id of 8 octets.
func GenerateSessionKey() (SessionKey, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return SessionKey{}, refuse(ErrKey, "generating a session key", err)
	}
	id := make([]byte, sessionKeyIDLen)
	rand.Read(id) // never fails, by its contract
	return SessionKey{ID: id, Key: key}, nil
}

// Public returns the half that may be given away.
func (k SessionKey) Public() SessionPublicKey {
	return SessionPublicKey{ID: bytes.Clone(k.ID), Key: k.Key.PublicKey()}
}

// Marshal returns the DER PKCS#8 encoding of the private key; the id is not in
// it.
func (k SessionKey) Marshal() ([]byte, error) {
	if k.Key == nil {
		return nil, refuse(ErrKey, "no session key", nil)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k.Key)
	if err != nil {
		return nil, refuse(ErrKey, "encoding a session key", err)
	}
	return pkcs8, nil
}

// ParseSessionKey reads the DER PKCS#8 encoding of the session key called id.
func ParseSessionKey(id, pkcs8 []byte) (SessionKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return SessionKey{}, refuse(ErrMalformed, "session key", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return SessionKey{}, refuse(ErrKey, "session key is not on a NIST curve", nil)
	}
	private, err := ec.ECDH()
	if err != nil {
		return SessionKey{}, refuse(ErrKey, "session key", err)
	}
	return SessionKey{ID: bytes.Clone(id), Key: private}, nil
}

// Marshal returns the DER SubjectPublicKeyInfo of the key; the id is not in it.
func (k SessionPublicKey) Marshal() ([]byte, error) {
	if k.Key == nil {
		return nil, refuse(ErrKey, "no session key", nil)
	}
	spki, err := x509.MarshalPKIXPublicKey(k.Key)
	if err != nil {
		return nil, refuse(ErrKey, "encoding a session key", err)
	}
	return spki, nil
}

// ParseSessionPublicKey reads the DER SubjectPublicKeyInfo of the session key
// called id.
func ParseSessionPublicKey(id, spki []byte) (SessionPublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return SessionPublicKey{}, refuse(ErrMalformed, "session key", err)
	}
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return SessionPublicKey{}, refuse(ErrKey, "session key is not on a NIST curve", nil)
	}
	public, err := ec.ECDH()
	if err != nil {
		return SessionPublicKey{}, refuse(ErrKey, "session key", err)
	}
	return SessionPublicKey{ID: bytes.Clone(id), Key: public}, nil
}

// Equal tells whether both keys have the same id and are the same point.
func (k SessionPublicKey) Equal(other SessionPublicKey) bool {
	if k.Key == nil || other.Key == nil {
		return k.Key == other.Key && bytes.Equal(k.ID, other.ID)
	}
	return bytes.Equal(k.ID, other.ID) && k.Key.Equal(other.Key)
}
