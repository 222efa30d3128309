package pki

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
)

// owners names the identity keys among the vectors, whose making would take a
// second each.
var owners = []string{"igw", "pgw", "epA", "epB", "epI"}

func ownerKey(tb testing.TB, owner string) *rsa.PrivateKey {
	return readKey(tb, "js/key-rsa-"+owner+".pkcs8")
}

type issuing func(IssueRequest) (*Certificate, error)

// mustIssue issues a certificate around the time of the vectors; nil issuer means
// self-issued.
func mustIssue(tb testing.TB, profile issuing, subject string, issuer *Certificate, issuerKey *rsa.PrivateKey) *Certificate {
	tb.Helper()
	c, err := profile(IssueRequest{
		Subject:   &ownerKey(tb, subject).PublicKey,
		IssuerKey: issuerKey,
		Issuer:    issuer,
		NotBefore: vectors.Now.Add(-time.Hour),
		NotAfter:  vectors.Now.Add(time.Hour),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// chain is the longest genuine path: a parcel delivery authorisation under an
// endpoint under a private gateway under an Internet gateway.
func chain(tb testing.TB) (leaf *Certificate, intermediates []*Certificate, root *Certificate) {
	igwKey, pgwKey, epAKey := ownerKey(tb, "igw"), ownerKey(tb, "pgw"), ownerKey(tb, "epA")
	root = mustIssue(tb, IssueInternetGateway, "igw", nil, igwKey)
	pgw := mustIssue(tb, IssuePrivateGateway, "pgw", root, igwKey)
	endpoint := mustIssue(tb, IssueEndpoint, "epA", pgw, pgwKey)
	leaf = mustIssue(tb, IssueDeliveryAuthorization, "epB", endpoint, epAKey)
	return leaf, []*Certificate{endpoint, pgw}, root
}

// forge makes a certificate for the subject that names the issuer but is signed by another
// key.
func forge(tb testing.TB, subject string, issuer *Certificate, signer *rsa.PrivateKey) *Certificate {
	tb.Helper()
	genuine := mustIssue(tb, IssueDeliveryAuthorization, subject, nil, ownerKey(tb, subject)).parsed
	template := &x509.Certificate{
		SerialNumber:       genuine.SerialNumber,
		RawSubject:         genuine.RawSubject,
		NotBefore:          genuine.NotBefore,
		NotAfter:           genuine.NotAfter,
		SignatureAlgorithm: x509.SHA256WithRSAPSS,
		SubjectKeyId:       genuine.SubjectKeyId,
	}
	parent := &x509.Certificate{RawSubject: issuer.parsed.RawSubject, SubjectKeyId: issuer.parsed.SubjectKeyId}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, genuine.PublicKey, signer)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// withOtherSignature returns the certificate with the same signed octets and
// another, invalid, signature.
func withOtherSignature(tb testing.TB, c *Certificate) *Certificate {
	tb.Helper()
	der := append([]byte(nil), c.der...)
	der[len(der)-1] ^= 1
	other, err := ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return other
}
