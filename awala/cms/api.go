package cms

import (
	"crypto"
	"crypto/ecdh"

	"awala.network/gateway/awala/pki"
)

// Signature is a verified signature.
type Signature struct {
	Signer  *pki.Certificate
	Others  []*pki.Certificate
	Content []byte
}

// SignedData is a parsed SignedData; nothing about it is verified yet.
type SignedData struct{}

// ParseSigned reads a SignedData.
func ParseSigned(ber []byte) (*SignedData, error) { return nil, ErrUnsupported }

// Content returns the attached content, nil when detached.
func (sd *SignedData) Content() []byte { return nil }

// Verify verifies an attached signature.
func (sd *SignedData) Verify() (*Signature, error) { return nil, ErrUnsupported }

// VerifyDetached verifies a detached signature over content.
func (sd *SignedData) VerifyDetached(content []byte) (*Signature, error) { return nil, ErrUnsupported }

// Sign makes an attached SignedData.
func Sign(content []byte, key crypto.Signer, signer *pki.Certificate, others ...*pki.Certificate) ([]byte, error) {
	return nil, ErrUnsupported
}

// SignDetached makes a detached SignedData.
func SignDetached(content []byte, key crypto.Signer, signer *pki.Certificate) ([]byte, error) {
	return nil, ErrUnsupported
}

// EnvelopedData is a parsed EnvelopedData.
type EnvelopedData struct{}

// Encrypt makes an EnvelopedData.
func Encrypt(plaintext []byte, recipient pki.SessionPublicKey, originator pki.SessionKey) ([]byte, error) {
	return nil, ErrUnsupported
}

// ParseEnveloped reads an EnvelopedData.
func ParseEnveloped(ber []byte) (*EnvelopedData, error) { return nil, ErrUnsupported }

// RecipientKeyID returns the id of the recipient's session key.
func (ed *EnvelopedData) RecipientKeyID() []byte { return nil }

// OriginatorKey returns the sender's session key.
func (ed *EnvelopedData) OriginatorKey() pki.SessionPublicKey { return pki.SessionPublicKey{} }

// Decrypt decrypts the payload.
func (ed *EnvelopedData) Decrypt(key *ecdh.PrivateKey) ([]byte, error) { return nil, ErrUnsupported }
