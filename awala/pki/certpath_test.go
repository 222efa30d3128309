package pki

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
)

func TestCertificationPathRoundTrip(t *testing.T) {
	leaf := readCertificate(t, "js/cert-serial-nonminimal.der")
	pool := []*Certificate{leaf, readCertificate(t, "js/cert-pgw.der"), readCertificate(t, "jvm/cert-igw-self.der")}
	rapid.Check(t, func(rt *rapid.T) {
		path := CertificationPath{Leaf: leaf, CAs: rapid.SliceOfN(rapid.SampledFrom(pool), 0, maxPathCAs).Draw(rt, "CAs")}
		der, err := path.Marshal()
		if err != nil {
			rt.Fatal(err)
		}
		got, err := ParseCertificationPath(der)
		if err != nil {
			rt.Fatal(err)
		}
		if !got.Leaf.Equal(leaf) || !slices.EqualFunc(got.CAs, path.CAs, (*Certificate).Equal) {
			rt.Fatal("certificates differ")
		}
	})
}

func TestCertificationPathRefuses(t *testing.T) {
	leaf := readCertificate(t, "js/cert-pgw.der")
	long, err := CertificationPath{Leaf: leaf, CAs: slices.Repeat([]*Certificate{leaf}, maxPathCAs+1)}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	js, jvm := vectors.Read(t, "js/certificationpath.der"), vectors.Read(t, "jvm/certificationpath.der")
	mixed := bytes.Clone(js)
	mixed[4] = byte(leafCertificateTag) // the leaf of one form, the authorities of the other
	for name, der := range map[string][]byte{
		"nothing": nil, "too many": long, "mixed forms": mixed, "a certificate": leaf.DER(),
		"octet more": append(bytes.Clone(js), 0), "octet less": jvm[:len(jvm)-1],
	} {
		if _, err := ParseCertificationPath(der); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
	if _, err := (CertificationPath{}).Marshal(); !errors.Is(err, ErrMalformed) {
		t.Errorf("no leaf: got %v, want ErrMalformed", err)
	}
}
