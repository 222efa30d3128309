package pki_test

import (
	"crypto/rsa"
	"fmt"
	"log"
	"time"

	"awala.network/gateway/awala/pki"
)

// An Internet gateway vouches for a private gateway, which vouches for an endpoint,
// which lets another endpoint write to it. A node that trusts the Internet gateway can
// see that from the certificates alone.
func Example() {
	keys := make([]*rsa.PrivateKey, 4)
	for i := range keys {
		key, err := pki.GenerateIdentityKey()
		if err != nil {
			log.Fatal(err)
		}
		keys[i] = key
	}
	now := time.Now()
	issue := func(profile func(pki.IssueRequest) (*pki.Certificate, error), subject, issuer *rsa.PrivateKey, by *pki.Certificate) *pki.Certificate {
		certificate, err := profile(pki.IssueRequest{
			Subject: &subject.PublicKey, IssuerKey: issuer, Issuer: by,
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		})
		if err != nil {
			log.Fatal(err)
		}
		return certificate
	}
	internetGateway := issue(pki.IssueInternetGateway, keys[0], keys[0], nil)
	privateGateway := issue(pki.IssuePrivateGateway, keys[1], keys[0], internetGateway)
	endpoint := issue(pki.IssueEndpoint, keys[2], keys[1], privateGateway)
	sender := issue(pki.IssueDeliveryAuthorization, keys[3], keys[2], endpoint)

	validator := pki.NewValidator([]*pki.Certificate{internetGateway}, pki.NewSignatureCache(1000, time.Hour))
	path, err := validator.Path(sender, []*pki.Certificate{endpoint, privateGateway}, now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(path), "certificates; authorised by the endpoint:", path[1].SubjectID() == endpoint.SubjectID())
	// Output: 4 certificates; authorised by the endpoint: true
}
