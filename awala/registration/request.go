package registration

import (
	"crypto"
	"crypto/rsa"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/pki"
)

// Request (PNRR) is a private node's request to be registered.
type Request struct {
	// Key is the identity key to be registered.
	Key *rsa.PublicKey
	// Authorization is the serialised authorisation, as the gateway wrote it.
	Authorization []byte

	countersignature []byte
}

// ParseRequest reads a request. That the node holds the private half of Key is
// not known until [Request.Verify] succeeds.
func ParseRequest(der []byte) (*Request, error) {
	input := cryptobyte.String(der)
	var fields, spki, authorization, countersignature cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&spki, field(0)) &&
		fields.ReadASN1(&authorization, field(1)) &&
		fields.ReadASN1(&countersignature, field(2)) && fields.Empty()
	if !ok {
		return nil, fmt.Errorf("%w: no registration request", ErrMalformed)
	}
	key, err := pki.ParsePublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: key to be registered: %w", ErrMalformed, err)
	}
	return &Request{Key: key, Authorization: authorization, countersignature: countersignature}, nil
}

// Sign serialises the request under the private half of Key.
func (r *Request) Sign(key crypto.Signer) ([]byte, error) {
	spki, err := pki.MarshalPublicKey(r.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: key to be registered: %w", ErrMalformed, err)
	}
	countersignature, err := sign(key, oidCountersignature, r.Authorization)
	if err != nil {
		return nil, err
	}
	return marshalFields(spki, r.Authorization, countersignature)
}

// Verify tells whether the countersignature of a parsed request was made with
// its Key. The error wraps ErrSignature. The authorisation has to be parsed and
// verified besides.
func (r *Request) Verify() error {
	return verify(r.Key, r.countersignature, oidCountersignature, r.Authorization)
}
