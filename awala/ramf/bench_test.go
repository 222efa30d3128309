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
	raw := sign(b, newParcel(b, make([]byte, kibi)), parcelKey(b))
	root := []*pki.Certificate{certificate(b, "js/cert-igw-self.der")}
	for name, cache := range map[string]*pki.SignatureCache{"cold": nil, "warm": pki.NewSignatureCache(100, time.Hour)} {
		b.Run(name, func(b *testing.B) {
			validator := pki.NewValidator(root, cache)
			b.ReportAllocs()
			for b.Loop() {
				m, err := ramf.Parse(raw)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := m.Authorize(validator, vectors.Now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("cold/primitives", func(b *testing.B) { benchmarkVerifications(b, 4, 0) })
	b.Run("cold/primitives-with-certificates-parsed", func(b *testing.B) { benchmarkVerifications(b, 4, 3) })
	b.Run("warm/primitives", func(b *testing.B) { benchmarkVerifications(b, 1, 0) })
}

// benchmarkVerifications hashes 1 KiB and verifies some RSA-PSS signatures.
func benchmarkVerifications(b *testing.B, signatures, certificates int) {
	key, content := parcelKey(b), make([]byte, kibi)
	digest := sha256.Sum256(content)
	signature, err := key.Sign(rand.Reader, digest[:], pss)
	if err != nil {
		b.Fatal(err)
	}
	der := vectors.Read(b, "js/cert-epA.der")
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(content)
		for range signatures {
			if err := rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], signature, pss); err != nil {
				b.Fatal(err)
			}
		}
		for range certificates {
			if _, err := x509.ParseCertificate(der); err != nil {
				b.Fatal(err)
			}
		}
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

func newOneKey(b *testing.B) oneKey {
	b.Helper()
	key, err := pki.GenerateSessionKey()
	if err != nil {
		b.Fatal(err)
	}
	return oneKey{private: key, public: channel.PeerKey{SessionPublicKey: key.Public(), CreatedAt: vectors.Now}}
}

// BenchmarkUnwrapCargo opens the payload of a cargo with a plaintext of 1 KiB.
func BenchmarkUnwrapCargo(b *testing.B) {
	keys := newOneKey(b)
	originator, err := pki.GenerateSessionKey()
	if err != nil {
		b.Fatal(err)
	}
	payload, err := cms.Encrypt(make([]byte, kibi), keys.private.Public(), originator)
	if err != nil {
		b.Fatal(err)
	}
	m := newParcel(b, payload)
	m.Type = ramf.TypeCargo
	b.Run("cargo", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := channel.Open(context.Background(), m, keys, keys); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("primitives", func(b *testing.B) {
		content, public := make([]byte, kibi+aes.BlockSize), originator.Key.PublicKey().Bytes()
		b.ReportAllocs()
		for b.Loop() {
			agree(b, keys.private.Key, public)
			decryptCBC(b, content)
		}
	})
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
			decryptCBC(b, content) // no dearer than encrypting
		}
	})
}

// agree reads a public key and agrees on a secret with it.
func agree(b *testing.B, private *ecdh.PrivateKey, public []byte) {
	key, err := ecdh.P256().NewPublicKey(public)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := private.ECDH(key); err != nil {
		b.Fatal(err)
	}
}

// decryptCBC decrypts content in place with AES-128.
func decryptCBC(b *testing.B, content []byte) {
	var key, iv [aes.BlockSize]byte
	block, err := aes.NewCipher(key[:])
	if err != nil {
		b.Fatal(err)
	}
	cipher.NewCBCDecrypter(block, iv[:]).CryptBlocks(content, content)
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
