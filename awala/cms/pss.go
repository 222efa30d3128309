package cms

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/pki"
)

var (
	oidPSS  = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a} // 1.2.840.113549.1.1.10
	oidMGF1 = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08} // 1.2.840.113549.1.1.8
)

// pssIdentifiers are the AlgorithmIdentifiers of the accepted signatures: RSA-PSS
// with MGF1 over the same hash and a salt as long as it (RS-018). All deployed
// clients encode them alike, so they are compared octet by octet: no parameter can
// be left to a default, which would be SHA-1.
var pssIdentifiers = map[crypto.Hash][]byte{
	crypto.SHA256: pssIdentifier(1),
	crypto.SHA384: pssIdentifier(2),
	crypto.SHA512: pssIdentifier(3),
}

// pssOptions asks for a salt as long as the hash.
var pssOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}

func pssIdentifier(arc byte) []byte {
	explicit := func(n int, value []byte) []byte {
		return ber.Append(nil, ber.Context(n).Constructed(), value)
	}
	hash := hashIdentifier(arc)
	mgf1 := ber.Append(nil, ber.Sequence, ber.Append(nil, ber.ObjectIdentifier, oidMGF1), hash)
	salt := ber.Append(nil, ber.Integer, []byte{byte(hashes[arc].Size())})
	parameters := ber.Append(nil, ber.Sequence, explicit(0, hash), explicit(1, mgf1), explicit(2, salt))
	return ber.Append(nil, ber.Sequence, ber.Append(nil, ber.ObjectIdentifier, oidPSS), parameters)
}

// pssHash returns the hash function of a signature algorithm.
func pssHash(a algorithm) (crypto.Hash, error) {
	for hash, identifier := range pssIdentifiers {
		if bytes.Equal(a.raw, identifier) {
			return hash, nil
		}
	}
	return 0, unsupported("signature algorithm")
}

// signPSS signs the octets with the key of the certificate.
func signPSS(octets []byte, key crypto.Signer, signer *pki.Certificate) ([]byte, error) {
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok || !public.Equal(signer.PublicKey()) {
		return nil, fmt.Errorf("cms: signing: %w", &pki.Error{
			Kind: pki.ErrKey, Detail: "not the key of the signer's certificate",
		})
	}
	signature, err := key.Sign(rand.Reader, digestOf(crypto.SHA256, octets), pssOptions)
	if err != nil {
		return nil, fmt.Errorf("cms: signing: %w", err)
	}
	return signature, nil
}

// verifyPSS verifies a signature over what has the digest.
func verifyPSS(digest, signature []byte, hash crypto.Hash, signer *pki.Certificate) error {
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	if err := rsa.VerifyPSS(signer.PublicKey(), hash, digest, signature, options); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// digestOf hashes the pieces as if they were one.
func digestOf(hash crypto.Hash, pieces ...[]byte) []byte {
	h := hash.New()
	for _, piece := range pieces {
		h.Write(piece)
	}
	return h.Sum(nil)
}
