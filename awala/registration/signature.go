package registration

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signaturePSS is RSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32
// octets: the only parameters that every deployed client verifies (RS-018).
var signaturePSS = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}

// The contents of the object identifiers that keep the two signatures apart.
var (
	// oidAuthorization is 1.3.6.1.4.1.58708.0.2.0.
	oidAuthorization = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xca, 0x54, 0x00, 0x02, 0x00}
	// oidCountersignature is 1.3.6.1.4.1.58708.0.2.1.
	oidCountersignature = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xca, 0x54, 0x00, 0x02, 0x01}
)

// field is the implicit tag of the nth field of a message, in primitive form.
func field(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific() }

// marshalFields writes a sequence of primitive fields tagged 0, 1, 2...
func marshalFields(fields ...[]byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for n, octets := range fields {
			addField(b, uint8(n), octets)
		}
	})
	return b.Bytes()
}

func addField(b *cryptobyte.Builder, n uint8, octets []byte) {
	b.AddASN1(field(n), func(b *cryptobyte.Builder) { b.AddBytes(octets) })
}

// sign makes a bare signature over a sequence of an object identifier and
// fields.
func sign(key crypto.Signer, oid []byte, fields ...[]byte) ([]byte, error) {
	digest, err := digestSigned(oid, fields)
	if err != nil {
		return nil, err
	}
	signature, err := key.Sign(rand.Reader, digest, signaturePSS)
	if err != nil {
		return nil, fmt.Errorf("registration: sign: %w", err)
	}
	return signature, nil
}

// verify checks a signature that sign made.
func verify(key *rsa.PublicKey, signature, oid []byte, fields ...[]byte) error {
	digest, err := digestSigned(oid, fields)
	if err != nil {
		return err
	}
	if err := rsa.VerifyPSS(key, crypto.SHA256, digest, signature, signaturePSS); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

func digestSigned(oid []byte, fields [][]byte) ([]byte, error) {
	signed, err := marshalFields(append([][]byte{oid}, fields...)...)
	if err != nil {
		return nil, fmt.Errorf("registration: encode what is signed: %w", err)
	}
	digest := sha256.Sum256(signed)
	return digest[:], nil
}
