package cms

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"awala.network/gateway/awala/pki"
)

// The sizes of the content: a small message, and nearly the largest.
var benchSizes = []int{1 << 10, 8 << 20}

var sink []byte

// compare runs an operation of this package and, beside it, the bare primitives
// that it cannot do without.
func compare(b *testing.B, size int, operation, primitives func() error) {
	for _, subject := range []struct {
		name string
		run  func() error
	}{{"ours", operation}, {"primitives", primitives}} {
		b.Run(fmt.Sprintf("%d/%s", size, subject.name), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := subject.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	key, own, issuer := signer(b)
	for _, size := range benchSizes {
		content := bytes.Repeat([]byte("a"), size)
		compare(b, size, func() (err error) {
			sink, err = Sign(content, key, own, issuer)
			return err
		}, func() (err error) {
			digest := sha256.Sum256(content)
			sink, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], pssOptions)
			return err
		})
	}
}

// BenchmarkVerify verifies a message with two certificates seen before. What new
// ones cost, see the benchmarks of package pki.
func BenchmarkVerify(b *testing.B) {
	key, own, issuer := signer(b)
	for _, size := range benchSizes {
		content := bytes.Repeat([]byte("a"), size)
		octets, err := Sign(content, key, own, issuer)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.Sum256(content)
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], pssOptions)
		if err != nil {
			b.Fatal(err)
		}
		compare(b, size, func() error {
			_, err := verifyAttached(octets)
			return err
		}, func() error {
			digest := sha256.Sum256(content)
			return rsa.VerifyPSS(own.PublicKey(), crypto.SHA256, digest[:], signature, pssOptions)
		})
	}
}

func BenchmarkSeal(b *testing.B) {
	recipient, originator := newSessionKey(b).Public(), newSessionKey(b)
	for _, size := range benchSizes {
		plaintext := bytes.Repeat([]byte("a"), size)
		compare(b, size, func() (err error) {
			sink, err = Encrypt(plaintext, recipient, originator)
			return err
		}, func() error {
			return sealPrimitives(recipient, originator, plaintext)
		})
	}
}

// sealPrimitives is agreement, derivation, key wrap and CBC and nothing else.
func sealPrimitives(recipient pki.SessionPublicKey, originator pki.SessionKey, plaintext []byte) error {
	secret, err := originator.Key.ECDH(recipient.Key)
	if err != nil {
		return err
	}
	random := make([]byte, 64+16+16)
	rand.Read(random)
	block, err := benchKEK(secret)
	if err != nil {
		return err
	}
	if _, err := josecipher.KeyWrap(block, random[64:80]); err != nil {
		return err
	}
	content, err := aes.NewCipher(random[64:80])
	if err != nil {
		return err
	}
	sink = make([]byte, len(plaintext))
	cipher.NewCBCEncrypter(content, random[80:]).CryptBlocks(sink, plaintext)
	return nil
}

func BenchmarkOpen(b *testing.B) {
	recipient, originator := newSessionKey(b), newSessionKey(b)
	for _, size := range benchSizes {
		octets, err := Encrypt(bytes.Repeat([]byte("a"), size), recipient.Public(), originator)
		if err != nil {
			b.Fatal(err)
		}
		secret, _ := recipient.Key.ECDH(originator.Key.PublicKey())
		block, _ := benchKEK(secret)
		wrapped, _ := josecipher.KeyWrap(block, make([]byte, 16))
		encrypted := make([]byte, size)
		compare(b, size, func() error {
			ed, err := ParseEnveloped(octets)
			if err != nil {
				return err
			}
			sink, err = ed.Decrypt(recipient.Key)
			return err
		}, func() error {
			return openPrimitives(recipient, originator.Key.PublicKey().Bytes(), wrapped, encrypted)
		})
	}
}

// openPrimitives is agreement, derivation, key unwrap and CBC and nothing else.
func openPrimitives(recipient pki.SessionKey, point, wrapped, encrypted []byte) error {
	originator, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return err
	}
	secret, err := recipient.Key.ECDH(originator)
	if err != nil {
		return err
	}
	block, err := benchKEK(secret)
	if err != nil {
		return err
	}
	cek, err := josecipher.KeyUnwrap(block, wrapped)
	if err != nil {
		return err
	}
	content, err := aes.NewCipher(cek)
	if err != nil {
		return err
	}
	sink = make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(content, make([]byte, 16)).CryptBlocks(sink, encrypted)
	return nil
}

// benchKEK derives a key with one hash over as much as the real derivation.
func benchKEK(secret []byte) (cipher.Block, error) {
	h := sha256.New()
	h.Write(secret)
	h.Write(make([]byte, 4+91))
	return aes.NewCipher(h.Sum(nil)[:16])
}
