package cms_test

import (
	"fmt"
	"log"

	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/pki"
)

// A payload is encrypted to a session key of the recipient's, and carries the key with
// which to answer. Package channel does so with the keys of a channel.
func ExampleEncrypt() {
	recipient, err := pki.GenerateSessionKey()
	if err != nil {
		log.Fatal(err)
	}
	originator, err := pki.GenerateSessionKey()
	if err != nil {
		log.Fatal(err)
	}
	payload, err := cms.Encrypt([]byte("hello"), recipient.Public(), originator)
	if err != nil {
		log.Fatal(err)
	}

	envelope, err := cms.ParseEnveloped(payload)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := envelope.Decrypt(recipient.Key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s; the answer goes to the originator's key: %t\n", plaintext, envelope.OriginatorKey().Equal(originator.Public()))
	// Output: hello; the answer goes to the originator's key: true
}
