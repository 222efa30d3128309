package ramf_test

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"log"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// A private gateway signs a cargo for its Internet gateway, which reads it and makes
// sure that it comes from one of its own.
func Example() {
	gatewayKey, senderKey := newKey(), newKey()
	now := time.Now()
	gateway, err := pki.IssueInternetGateway(pki.IssueRequest{
		Subject: &gatewayKey.PublicKey, IssuerKey: gatewayKey, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	sender, err := pki.IssuePrivateGateway(pki.IssueRequest{
		Subject: &senderKey.PublicKey, IssuerKey: gatewayKey, Issuer: gateway, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}

	serialised, err := (&ramf.Message{
		Type:      ramf.TypeCargo,
		Recipient: ramf.Recipient{ID: gateway.SubjectID(), InternetAddress: "gateway.example"},
		ID:        "one", CreatedAt: now.Add(-time.Minute), TTL: time.Hour,
		Payload: []byte("what package channel has sealed"),
		Sender:  sender,
	}).Sign(senderKey)
	if err != nil {
		log.Fatal(err)
	}

	m, err := ramf.Parse(serialised) // verifies the signature
	if err != nil {
		log.Fatal(err)
	}
	if err := m.CheckTiming(now, 2*time.Hour); err != nil {
		log.Fatal(err)
	}
	path, err := m.Authorize(pki.NewValidator([]*pki.Certificate{gateway}, nil), now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Type, m.ID, "by way of", len(path), "certificates")

	serialised[len(serialised)-1] ^= 1
	_, err = ramf.Parse(serialised)
	fmt.Println("forged:", errors.Is(err, ramf.ErrSignature))
	// Output:
	// cargo one by way of 2 certificates
	// forged: true
}

func newKey() *rsa.PrivateKey {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		log.Fatal(err)
	}
	return key
}
