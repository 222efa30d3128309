package ramf_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// Each benchmark stands beside one named .../primitives, which does nothing but
// the cryptography of the standard library that it cannot do without, on the
// same sizes. Certificates are those of a path of four.

const kibi = 1 << 10

var pss = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}

// BenchmarkVerifyParcel reads and authorises a parcel of 1 KiB. "cold" verifies
// every signature on the path; "warm" has seen the certificates before, as a
// gateway mostly has. Parsed certificates are remembered by pki in both.
func BenchmarkVerifyParcel(b *testing.B) {
	cold, warm := verifyParcel(b, nil), verifyParcel(b, pki.NewSignatureCache(100, time.Hour))
	b.Run("cold", func(b *testing.B) { repeat(b, cold) })
	b.Run("cold/primitives", func(b *testing.B) { repeat(b, verifyPrimitives(b, 4, 0)) })
	b.Run("cold/primitives-with-certificates-parsed", func(b *testing.B) { repeat(b, verifyPrimitives(b, 4, 3)) })
	b.Run("warm", func(b *testing.B) { repeat(b, warm) })
	b.Run("warm/primitives", func(b *testing.B) { repeat(b, verifyPrimitives(b, 1, 0)) })
}

func repeat(b *testing.B, do func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
}

// verifyParcel returns the verification of a parcel of 1 KiB with a path of four
// certificates.
func verifyParcel(tb testing.TB, cache *pki.SignatureCache) func() error {
	tb.Helper()
	raw := sign(tb, newParcel(tb, make([]byte, kibi)), parcelKey(tb))
	validator := pki.NewValidator([]*pki.Certificate{certificate(tb, "js/cert-igw-self.der")}, cache)
	return func() error {
		m, err := ramf.Parse(raw)
		if err != nil {
			return err
		}
		_, err = m.Authorize(validator, vectors.Now)
		return err
	}
}

// verifyPrimitives returns what hashes 1 KiB, verifies some RSA-PSS signatures
// and parses some certificates.
func verifyPrimitives(tb testing.TB, signatures, certificates int) func() error {
	tb.Helper()
	key, content := parcelKey(tb), make([]byte, kibi)
	digest := sha256.Sum256(content)
	signature, err := key.Sign(rand.Reader, digest[:], pss)
	if err != nil {
		tb.Fatal(err)
	}
	der := vectors.Read(tb, "js/cert-epA.der")
	return func() error {
		digest := sha256.Sum256(content)
		for range signatures {
			if err := rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], signature, pss); err != nil {
				return err
			}
		}
		for range certificates {
			if _, err := x509.ParseCertificate(der); err != nil {
				return err
			}
		}
		return nil
	}
}

// BenchmarkSign signs a parcel of 1 KiB.
func BenchmarkSign(b *testing.B) {
	m, key := newParcel(b, make([]byte, kibi)), parcelKey(b)
	b.Run("parcel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Sign(key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("primitives", func(b *testing.B) {
		content := make([]byte, kibi)
		b.ReportAllocs()
		for b.Loop() {
			digest := sha256.Sum256(content)
			if _, err := key.Sign(rand.Reader, digest[:], pss); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// oneKey is a key store with one private and one public session key, enough to
// seal and open without the cost of a store.
type oneKey struct {
	private pki.SessionKey
	public  channel.PeerKey
}

func (o oneKey) SessionKey(context.Context, string, []byte, string) (pki.SessionKey, error) {
	return o.private, nil
}

func (o oneKey) SaveSessionKey(context.Context, string, string, pki.SessionKey) error { return nil }

func (o oneKey) PeerKey(context.Context, string, string) (channel.PeerKey, error) {
	return o.public, nil
}

func (o oneKey) SavePeerKey(context.Context, string, string, channel.PeerKey) error { return nil }

func newOneKey(tb testing.TB) oneKey {
	tb.Helper()
	key, err := pki.GenerateSessionKey()
	if err != nil {
		tb.Fatal(err)
	}
	return oneKey{private: key, public: channel.PeerKey{SessionPublicKey: key.Public(), CreatedAt: vectors.Now}}
}

// BenchmarkUnwrapCargo opens the payload of a cargo with a plaintext of 1 KiB.
func BenchmarkUnwrapCargo(b *testing.B) {
	open, primitives := unwrapCargo(b)
	b.Run("cargo", func(b *testing.B) { repeat(b, open) })
	b.Run("primitives", func(b *testing.B) { repeat(b, primitives) })
}

// unwrapCargo returns the unwrapping of a cargo, and nothing but the key
// agreement and the decryption in it.
func unwrapCargo(tb testing.TB) (open, primitives func() error) {
	tb.Helper()
	keys := newOneKey(tb)
	originator, err := pki.GenerateSessionKey()
	if err != nil {
		tb.Fatal(err)
	}
	payload, err := cms.Encrypt(make([]byte, kibi), keys.private.Public(), originator)
	if err != nil {
		tb.Fatal(err)
	}
	m := newParcel(tb, payload)
	m.Type = ramf.TypeCargo
	content, public := make([]byte, kibi+aes.BlockSize), originator.Key.PublicKey().Bytes()
	open = func() error {
		_, err := channel.Open(context.Background(), m, keys, keys)
		return err
	}
	return open, func() error {
		if err := agree(keys.private.Key, public); err != nil {
			return err
		}
		return decryptCBC(content)
	}
}

// BenchmarkSeal encrypts a plaintext of 1 KiB under a new session key.
func BenchmarkSeal(b *testing.B) {
	keys, plaintext := newOneKey(b), make([]byte, kibi)
	b.Run("cargo", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := channel.Seal(context.Background(), plaintext, "0aa", "0bb", keys, keys); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("primitives", func(b *testing.B) {
		content, public := make([]byte, kibi+aes.BlockSize), keys.private.Key.PublicKey()
		b.ReportAllocs()
		for b.Loop() {
			key, err := ecdh.P256().GenerateKey(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			_ = key.PublicKey()
			if _, err := key.ECDH(public); err != nil {
				b.Fatal(err)
			}
			if err := decryptCBC(content); err != nil { // no dearer than encrypting
				b.Fatal(err)
			}
		}
	})
}

// agree reads a public key and agrees on a secret with it.
func agree(private *ecdh.PrivateKey, public []byte) error {
	key, err := ecdh.P256().NewPublicKey(public)
	if err != nil {
		return err
	}
	_, err = private.ECDH(key)
	return err
}

// decryptCBC decrypts content in place with AES-128.
func decryptCBC(content []byte) error {
	var key, iv [aes.BlockSize]byte
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return err
	}
	cipher.NewCBCDecrypter(block, iv[:]).CryptBlocks(content, content)
	return nil
}

// BenchmarkParse8MiB reads parcels with the largest payload.
func BenchmarkParse8MiB(b *testing.B) {
	der := largestParcel(b)
	for name, raw := range map[string][]byte{
		"one-piece":        der,
		"javascript-piece": inPieces(b, der, 65536, false),
		"jvm-piece":        inPieces(b, der, 1000, true),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(ramf.MaxWrittenPayloadLen)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ramf.Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("primitives", func(b *testing.B) {
		b.SetBytes(ramf.MaxWrittenPayloadLen)
		for b.Loop() {
			sha256.Sum256(der)
		}
	})
}
