package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
)

// TestCertificateProfile makes certificates that the standard library would take.
func TestCertificateProfile(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plain := func(*x509.Certificate) {}
	nameConstraints := asn1.ObjectIdentifier{2, 5, 29, 30}
	key := ownerKey(t, "igw")
	cases := map[string]struct {
		change func(*x509.Certificate)
		public any
		want   error
	}{
		"fine":                 {plain, &key.PublicKey, nil},
		"PKCS#1 v1.5":          {func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA256WithRSA }, &key.PublicKey, ErrUnsupported},
		"small key":            {plain, &small.PublicKey, ErrKey},
		"EC key":               {plain, &ec.PublicKey, ErrKey},
		"critical extension":   {withExtension(asn1.ObjectIdentifier{1, 2, 3}, true), &key.PublicKey, ErrUnsupported},
		"harmless extension":   {withExtension(asn1.ObjectIdentifier{1, 2, 3}, false), &key.PublicKey, nil},
		"name constraints":     {func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"a.example"} }, &key.PublicKey, ErrUnsupported},
		"bad name constraints": {withExtension(nameConstraints, false), &key.PublicKey, ErrMalformed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			template := &x509.Certificate{
				SerialNumber: big.NewInt(1), RawSubject: nameOf("x"), SignatureAlgorithm: x509.SHA256WithRSAPSS,
				NotBefore: vectors.Now, NotAfter: vectors.Now,
			}
			tc.change(template)
			der, err := x509.CreateCertificate(rand.Reader, template, template, tc.public, key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseCertificate(der); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func withExtension(id asn1.ObjectIdentifier, critical bool) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: id, Critical: critical, Value: []byte{5, 0}}}
	}
}

// TestPSSKeyIsRefused turns the key of a certificate into one of id-RSASSA-PSS, which the
// standard library parses into no key at all.
func TestPSSKeyIsRefused(t *testing.T) {
	for _, name := range []string{"js/cert-igw-self.der", "js/key-rsa-igw.spki"} {
		octets := bytes.Clone(vectors.Read(t, name))
		at := bytes.Index(octets, rsaAlgorithm)
		octets[at+12] = 10 // rsaEncryption is 1.2.840.113549.1.1.1
		var err error
		if name == "js/key-rsa-igw.spki" {
			_, err = ParsePublicKey(octets)
		} else {
			_, err = ParseCertificate(octets)
		}
		if !errors.Is(err, ErrKey) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParseCertificateRefusesEnds(t *testing.T) {
	der := vectors.Read(t, "js/cert-serial-nonminimal.der")
	for _, octets := range [][]byte{nil, {0x30}, {0x30, 0x80}, der[:len(der)-1], append(bytes.Clone(der), 0)} {
		if _, err := ParseCertificate(octets); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d octets: got %v, want ErrMalformed", len(octets), err)
		}
	}
}

func TestCertificateKeepsNoAlias(t *testing.T) {
	der := bytes.Clone(vectors.Read(t, "js/cert-pgw.der"))
	c, err := ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	der[len(der)-1] ^= 1
	if bytes.Equal(c.DER(), der) || c.CheckSignatureFrom(readCertificate(t, "js/cert-igw-self.der")) != nil {
		t.Error("certificate changed with its input")
	}
}

// TestFlippedBitsAreRefused flips any bit of any certificate of a genuine path,
// with a cache that is warm with the genuine one.
func TestFlippedBitsAreRefused(t *testing.T) {
	leaf, intermediates, root := chain(t)
	v := NewValidator([]*Certificate{root}, NewSignatureCache(100, 1<<40))
	path, err := v.Path(leaf, intermediates, vectors.Now)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		which := rapid.IntRange(0, 2).Draw(rt, "certificate")
		der := bytes.Clone(path[which].DER())
		bit := rapid.IntRange(0, 8*len(der)-1).Draw(rt, "bit")
		der[bit/8] ^= 1 << (bit % 8)
		changed, err := ParseCertificate(der)
		if err != nil {
			return
		}
		altered := append(Path(nil), path[:3]...)
		altered[which] = changed
		if _, err := v.Path(altered[0], altered[1:], vectors.Now); err == nil {
			rt.Fatalf("accepted with bit %d of certificate %d flipped", bit, which)
		}
	})
}
