package poweb_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/poweb"
)

// A private gateway collects its parcels: it answers the challenge of its Internet
// gateway, is handed a parcel, and acknowledges it by the id of the delivery.
func Example() {
	gatewayKey, privateKey := newKey(), newKey()
	now := time.Now()
	gateway, err := pki.IssueInternetGateway(pki.IssueRequest{
		Subject: &gatewayKey.PublicKey, IssuerKey: gatewayKey, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	})
	check(err)
	private, err := pki.IssuePrivateGateway(pki.IssueRequest{
		Subject: &privateKey.PublicKey, IssuerKey: gatewayKey, Issuer: gateway, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	})
	check(err)

	// The server sends a challenge.
	nonce := make([]byte, 16)
	rand.Read(nonce)
	challenge, err := poweb.Challenge{Nonce: nonce}.Marshal()
	check(err)

	// The client signs the nonce in it.
	asked, err := poweb.ParseChallenge(challenge)
	check(err)
	signature, err := poweb.SignNonce(asked.Nonce, privateKey, private)
	check(err)
	response, err := poweb.Response{NonceSignatures: [][]byte{signature}}.Marshal()
	check(err)

	// The server learns whose parcels to deliver.
	answered, err := poweb.ParseResponse(response)
	check(err)
	trust := pki.NewValidator([]*pki.Certificate{gateway}, nil)
	signer, err := poweb.VerifyNonce(answered.NonceSignatures[0], nonce, trust, now)
	check(err)
	fmt.Println("it is the private gateway:", signer.SubjectID() == private.SubjectID())

	delivery, err := poweb.ParcelDelivery{ID: "delivery 1", Parcel: []byte("a serialised parcel")}.Marshal()
	check(err)
	handed, err := poweb.ParseParcelDelivery(delivery)
	check(err)
	fmt.Println("acknowledged with", handed.ID)
	// Output:
	// it is the private gateway: true
	// acknowledged with delivery 1
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
