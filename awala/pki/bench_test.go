package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
)

// BenchmarkPath measures paths of four certificates, parsing included, beside the
// bare primitives that each case cannot do without.
func BenchmarkPath(b *testing.B) {
	leaf, intermediates, root := chain(b)
	path := Path{leaf, intermediates[0], intermediates[1], root}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			benchPath(b, path, parseAnew, nil)
		}
	})
	b.Run("cold, primitives", func(b *testing.B) {
		for b.Loop() {
			for _, c := range path[:3] {
				if _, err := x509.ParseCertificate(c.der); err != nil {
					b.Fatal(err)
				}
			}
			for i, c := range path[:3] {
				benchVerify(b, path[i+1].key, c.parsed.RawTBSCertificate, c.parsed.Signature)
			}
		}
	})
	b.Run("warm", func(b *testing.B) {
		cache := NewSignatureCache(100, time.Hour)
		for b.Loop() {
			benchPath(b, path, ParseCertificate, cache)
		}
	})
	b.Run("warm issuers, new leaf", func(b *testing.B) {
		cache := NewSignatureCache(100, time.Hour)
		benchPath(b, path, ParseCertificate, cache)
		pair := signaturePair{child: leaf.digest, issuer: path[1].digest}
		for b.Loop() {
			recentlyParsed.remove(string(leaf.der))
			cache.verified.remove(pair)
			benchPath(b, path, ParseCertificate, cache)
		}
	})
	b.Run("warm issuers, new leaf, primitives", func(b *testing.B) {
		for b.Loop() {
			if _, err := x509.ParseCertificate(leaf.der); err != nil {
				b.Fatal(err)
			}
			benchVerify(b, path[1].key, leaf.parsed.RawTBSCertificate, leaf.parsed.Signature)
		}
	})
}

// parseAnew is ParseCertificate without memory.
func parseAnew(der []byte) (*Certificate, error) { return parseCertificate(der) }

// benchPath does what a message costs: parsing what is attached, the trusted
// certificate excepted, and finding the path.
func benchPath(b *testing.B, path Path, parse func([]byte) (*Certificate, error), cache *SignatureCache) {
	var parsed [3]*Certificate
	for i := range parsed {
		c, err := parse(path[i].der)
		if err != nil {
			b.Fatal(err)
		}
		parsed[i] = c
	}
	v := NewValidator(path[3:], cache)
	if _, err := v.Path(parsed[0], parsed[1:], vectors.Now); err != nil {
		b.Fatal(err)
	}
}

func benchVerify(b *testing.B, key *rsa.PublicKey, octets, signature []byte) {
	digest := sha256.Sum256(octets)
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	if err := rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkParseCertificate(b *testing.B) {
	for _, name := range []string{"js/cert-pgw.der", "js/cert-serial-nonminimal.der"} {
		der := vectors.Read(b, name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := parseCertificate(der); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("primitive", func(b *testing.B) {
		der := vectors.Read(b, "js/cert-pgw.der")
		for b.Loop() {
			if _, err := x509.ParseCertificate(der); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	key, subject := ownerKey(b, "igw"), &ownerKey(b, "pgw").PublicKey
	root := mustIssue(b, IssueInternetGateway, "igw", nil, key)
	for b.Loop() {
		request := IssueRequest{
			Subject: subject, IssuerKey: key, Issuer: root,
			NotBefore: vectors.Now, NotAfter: vectors.Now.Add(time.Minute),
		}
		if _, err := IssuePrivateGateway(request); err != nil {
			b.Fatal(err)
		}
	}
}
