package cargo

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/pki"
)

// CollectionRequest (CCR) is the payload of a cargo collection authorisation.
type CollectionRequest struct {
	// DeliveryAuthorization is the certificate (CDA) under which the Internet
	// gateway may send cargo to the private gateway that issued it. Reading
	// verifies nothing about it: neither its key, nor its issuer, nor its dates.
	DeliveryAuthorization *pki.Certificate
}

// tagDeliveryAuthorization holds the DER of the certificate as octets.
var tagDeliveryAuthorization = asn1.Tag(0).ContextSpecific()

// ParseCollectionRequest reads a cargo collection request.
func ParseCollectionRequest(der []byte) (CollectionRequest, error) {
	input := cryptobyte.String(der)
	var fields, cda cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&cda, tagDeliveryAuthorization) && fields.Empty()
	if !ok {
		return CollectionRequest{}, fmt.Errorf("%w: no cargo collection request", ErrMalformed)
	}
	certificate, err := pki.ParseCertificate(cda)
	if err != nil {
		return CollectionRequest{}, fmt.Errorf("%w: cargo delivery authorisation: %w", ErrMalformed, err)
	}
	return CollectionRequest{DeliveryAuthorization: certificate}, nil
}

// Marshal writes the cargo collection request.
func (r CollectionRequest) Marshal() ([]byte, error) {
	if r.DeliveryAuthorization == nil {
		return nil, fmt.Errorf("%w: collection request without delivery authorisation", ErrMalformed)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOctets(b, tagDeliveryAuthorization, r.DeliveryAuthorization.DER())
	})
	return b.Bytes()
}
