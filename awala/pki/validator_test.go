package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
)

func TestPathOfFour(t *testing.T) {
	leaf, intermediates, root := chain(t)
	got, err := NewValidator([]*Certificate{root}, nil).Path(leaf, intermediates, vectors.Now)
	if err != nil {
		t.Fatal(err)
	}
	want := Path{leaf, intermediates[0], intermediates[1], root}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPathStartsAtTheLeafGiven is the attack on path builders that look the leaf
// up among the certificates attached: a forged leaf, a copy of it with
// another signature, and a genuine certificate whose path is to be taken for the
// forged one's.
func TestPathStartsAtTheLeafGiven(t *testing.T) {
	genuine, intermediates, root := chain(t)
	cache := NewSignatureCache(100, time.Hour)
	v := NewValidator([]*Certificate{root}, cache)
	if _, err := v.Path(genuine, intermediates, vectors.Now); err != nil {
		t.Fatal(err)
	}
	forged := forge(t, "epI", intermediates[0], ownerKey(t, "epI"))
	attached := append([]*Certificate{withOtherSignature(t, forged), forged, genuine}, intermediates...)
	for range 2 {
		if path, err := v.Path(forged, attached, vectors.Now); !errors.Is(err, ErrUntrusted) || !errors.Is(err, ErrSignature) {
			t.Errorf("forged leaf: got path %v, error %v", path, err)
		}
	}
}

// TestWarmCacheLetsNothingElsePass offers certificates that are like remembered
// ones in all but a signature or a key.
func TestWarmCacheLetsNothingElsePass(t *testing.T) {
	leaf, intermediates, root := chain(t)
	v := NewValidator([]*Certificate{root}, NewSignatureCache(100, time.Hour))
	if _, err := v.Path(leaf, intermediates, vectors.Now); err != nil {
		t.Fatal(err)
	}
	endpoint, pgw := intermediates[0], intermediates[1]
	cases := map[string]Path{
		"leaf with other signature":     {withOtherSignature(t, leaf), endpoint, pgw},
		"endpoint with other signature": {leaf, withOtherSignature(t, endpoint), pgw},
		"gateway with other signature":  {leaf, endpoint, withOtherSignature(t, pgw)},
		"endpoint by another gateway":   {leaf, endpoint, mustIssue(t, IssuePrivateGateway, "epI", root, ownerKey(t, "igw"))},
	}
	for name, certificates := range cases {
		if _, err := v.Path(certificates[0], certificates[1:], vectors.Now); !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s: got %v, want ErrUntrusted", name, err)
		}
	}
	if _, err := v.Path(leaf, intermediates, leaf.NotAfter().Add(time.Second)); !errors.Is(err, ErrExpired) {
		t.Errorf("later: got %v, want ErrExpired", err)
	}
}

func TestPathOfTrustAnchor(t *testing.T) {
	key := ownerKey(t, "igw")
	root, rotated := mustIssue(t, IssueInternetGateway, "igw", nil, key), mustIssue(t, IssueInternetGateway, "igw", nil, key)
	v := NewValidator([]*Certificate{root, rotated}, nil)
	if path, err := v.Path(root, []*Certificate{root, rotated}, vectors.Now); !errors.Is(err, ErrUntrusted) {
		t.Errorf("got path %v, error %v", path, err)
	}
}

func TestPathTriesAllIssuers(t *testing.T) {
	key := ownerKey(t, "igw")
	root := mustIssue(t, IssueInternetGateway, "igw", nil, key)
	pgw := mustIssue(t, IssuePrivateGateway, "pgw", root, key)
	leaf := mustIssue(t, IssueEndpoint, "epA", pgw, ownerKey(t, "pgw"))
	expired, err := IssuePrivateGateway(IssueRequest{
		Subject: pgw.PublicKey(), IssuerKey: key, Issuer: root,
		NotBefore: vectors.Now.Add(-2 * time.Hour), NotAfter: vectors.Now.Add(-time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	cda := mustIssue(t, IssueDeliveryAuthorization, "pgw", root, key)
	selfIssued := mustIssue(t, IssueInternetGateway, "pgw", nil, ownerKey(t, "pgw"))
	got, err := NewValidator([]*Certificate{root}, nil).Path(leaf, []*Certificate{expired, cda, selfIssued, pgw}, vectors.Now)
	if err != nil || !got[1].Equal(pgw) {
		t.Errorf("got %v, error %v", got, err)
	}
}

// TestPathSearchIsBounded attaches what makes a naive search try every order of
// nodes that vouch for each other, over and over.
func TestPathSearchIsBounded(t *testing.T) {
	deep := func(r IssueRequest) (*Certificate, error) { return issue(r, true, 10) }
	var attached []*Certificate
	for _, issuer := range owners[1:] {
		key := ownerKey(t, issuer)
		root := mustIssue(t, deep, issuer, nil, key)
		for range 3 {
			for _, subject := range owners[1:] {
				if subject != issuer {
					attached = append(attached, mustIssue(t, deep, subject, root, key))
				}
			}
		}
	}
	trusted := []*Certificate{mustIssue(t, IssueInternetGateway, "igw", nil, ownerKey(t, "igw"))}
	s := search{Validator: NewValidator(trusted, nil), intermediates: attached, at: vectors.Now, path: Path{attached[0]}}
	if s.climb() {
		t.Errorf("found path %v", s.path)
	}
	if s.checks <= maxSignatureChecks {
		t.Errorf("only %d possible checks: not a search to bound", s.checks)
	}
	if !errors.Is(s.defect, ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", s.defect)
	}
}

// profiles has the one that allows for long paths more than once.
var profiles = []issuing{
	IssueInternetGateway, IssueInternetGateway, IssueInternetGateway, IssueInternetGateway,
	IssuePrivateGateway, IssueEndpoint, IssueDeliveryAuthorization,
}

// TestPathAgreesWithStandardLibrary compares verdicts on arbitrary sets of certificates
// with those of crypto/x509, with and without a cache.
func TestPathAgreesWithStandardLibrary(t *testing.T) {
	cache := NewSignatureCache(1000, time.Hour)
	verdicts := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		certificates := drawCertificates(t, rt)
		var trusted, intermediates []*Certificate
		leaf := certificates[len(certificates)-1]
		for _, c := range certificates[:len(certificates)-1] {
			if c.IsSelfIssued() && rapid.IntRange(0, 3).Draw(rt, "trusted") > 0 {
				trusted = append(trusted, c)
			} else {
				intermediates = append(intermediates, c)
			}
		}
		want := standardVerify(leaf, intermediates, trusted)
		for _, c := range []*SignatureCache{nil, cache} {
			path, err := NewValidator(trusted, c).Path(leaf, intermediates, vectors.Now)
			if (err == nil) != (want == nil) {
				rt.Fatalf("path %v, error %v; the standard library says %v", path, err, want)
			}
			if err == nil && (path[0] != leaf || len(path) < 2) {
				rt.Fatalf("path %v", path)
			}
			verdicts[fmt.Sprintf("%d certificates", len(path))]++
		}
	})
	t.Log(verdicts)
}

// drawCertificates issues certificates, the later mostly by one of the last few
// and else by themselves, for few keys, so that there are many ways up.
func drawCertificates(t *testing.T, rt *rapid.T) []*Certificate {
	var certificates []*Certificate
	holders := map[*Certificate]string{}
	for range rapid.IntRange(2, 8).Draw(rt, "count") {
		holder := rapid.SampledFrom(owners).Draw(rt, "subject")
		request := IssueRequest{Subject: &ownerKey(t, holder).PublicKey, IssuerKey: ownerKey(t, holder)}
		last := len(certificates) - 1
		if i := rapid.IntRange(max(-1, last-2), last).Draw(rt, "issuer"); i >= 0 && certificates[i].IsCA() {
			request.Issuer, request.IssuerKey = certificates[i], ownerKey(t, holders[certificates[i]])
		}
		request.NotBefore = vectors.Now.Add(-time.Hour)
		request.NotAfter = vectors.Now.Add(time.Hour)
		switch rapid.IntRange(0, 19).Draw(rt, "validity") {
		case 0:
			request.NotAfter = vectors.Now.Add(-time.Second)
		case 1:
			request.NotBefore = vectors.Now.Add(time.Second)
		}
		c, err := rapid.SampledFrom(profiles).Draw(rt, "profile")(request)
		if errors.Is(err, ErrValidity) { // the issuer ends before this one is to start
			continue
		}
		if err != nil {
			rt.Fatal(err)
		}
		certificates, holders[c] = append(certificates, c), holder
	}
	return certificates
}

func standardVerify(leaf *Certificate, intermediates, trusted []*Certificate) error {
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: vectors.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, c := range intermediates {
		options.Intermediates.AddCert(c.parsed)
	}
	for _, c := range trusted {
		options.Roots.AddCert(c.parsed)
	}
	_, err := leaf.parsed.Verify(options)
	return err
}
