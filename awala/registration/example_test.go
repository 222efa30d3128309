package registration_test

import (
	"crypto/rsa"
	"fmt"
	"log"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/registration"
)

// A private gateway registers with an Internet gateway. Each step is a message that the
// other side reads; over PoWeb they are the bodies of two HTTP requests and their
// answers.
func Example() {
	gatewayKey, nodeKey := newKey(), newKey()
	now := time.Now()
	period := pki.IssueRequest{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	own := period
	own.Subject, own.IssuerKey = &gatewayKey.PublicKey, gatewayKey
	gateway, err := pki.IssueInternetGateway(own)
	check(err)

	// The node asks with the digest of its key, and gets leave to register.
	digest, err := registration.DigestKey(&nodeKey.PublicKey)
	check(err)
	authorization, err := (&registration.Authorization{
		ExpiresAt: now.Add(10 * time.Second), GatewayData: digest[:],
	}).Sign(gatewayKey)
	check(err)

	// The node returns that, countersigned with its key.
	request, err := (&registration.Request{Key: &nodeKey.PublicKey, Authorization: authorization}).Sign(nodeKey)
	check(err)

	// The gateway checks both signatures, and that the key is the one it meant.
	received, err := registration.ParseRequest(request)
	check(err)
	check(received.Verify())
	leave, err := registration.ParseAuthorization(received.Authorization)
	check(err)
	check(leave.Verify(gateway.PublicKey(), now))
	fmt.Println("the key is the one that was announced:", string(leave.GatewayData) == string(digest[:]))

	// It issues a certificate, and the node has what it needs.
	issue := period
	issue.Subject, issue.IssuerKey, issue.Issuer = received.Key, gatewayKey, gateway
	certificate, err := pki.IssuePrivateGateway(issue)
	check(err)
	session, err := pki.GenerateSessionKey()
	check(err)
	public := session.Public()
	answer, err := (&registration.Registration{
		NodeCertificate: certificate, GatewayCertificate: gateway, InternetAddress: "gateway.example", SessionKey: &public,
	}).Marshal()
	check(err)
	registered, err := registration.ParseRegistration(answer)
	check(err)
	fmt.Println("registered with", registered.InternetAddress)
	// Output:
	// the key is the one that was announced: true
	// registered with gateway.example
}

func newKey() *rsa.PrivateKey {
	key, err := pki.GenerateIdentityKey()
	check(err)
	return key
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
