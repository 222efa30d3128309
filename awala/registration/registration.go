package registration

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/pki"
)

// Registration (PNR) is the gateway's answer to a [Request].
type Registration struct {
	// NodeCertificate is the private node's, issued under GatewayCertificate.
	NodeCertificate *pki.Certificate
	// GatewayCertificate is the gateway's own, self-issued.
	GatewayCertificate *pki.Certificate
	// InternetAddress is the gateway's domain name.
	InternetAddress string
	// SessionKey is the gateway's session key for this node, nil if absent. The
	// desktop client refuses a registration without one.
	SessionKey *pki.SessionPublicKey
}

// ParseRegistration reads a registration. It does not verify the certificates.
func ParseRegistration(der []byte) (*Registration, error) {
	input := cryptobyte.String(der)
	var fields, node, gateway, address, session cryptobyte.String
	var hasSession bool
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&node, field(0)) &&
		fields.ReadASN1(&gateway, field(1)) &&
		fields.ReadASN1(&address, field(2)) &&
		fields.ReadOptionalASN1(&session, &hasSession, field(3).Constructed()) && fields.Empty()
	if !ok {
		return nil, fmt.Errorf("%w: no registration", ErrMalformed)
	}
	r := &Registration{InternetAddress: string(address)}
	err := checkAddress(r.InternetAddress)
	if err != nil {
		return nil, err
	}
	if r.NodeCertificate, err = pki.ParseCertificate(node); err != nil {
		return nil, fmt.Errorf("%w: node certificate: %w", ErrMalformed, err)
	}
	if r.GatewayCertificate, err = pki.ParseCertificate(gateway); err != nil {
		return nil, fmt.Errorf("%w: gateway certificate: %w", ErrMalformed, err)
	}
	if hasSession {
		key, err := readSessionKey(session)
		if err != nil {
			return nil, err
		}
		r.SessionKey = &key
	}
	return r, nil
}

// Marshal writes the registration.
func (r *Registration) Marshal() ([]byte, error) {
	if r.NodeCertificate == nil || r.GatewayCertificate == nil {
		return nil, fmt.Errorf("%w: registration without certificates", ErrMalformed)
	}
	if err := checkAddress(r.InternetAddress); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addField(b, 0, r.NodeCertificate.DER())
		addField(b, 1, r.GatewayCertificate.DER())
		addField(b, 2, []byte(r.InternetAddress))
		if r.SessionKey != nil {
			addSessionKey(b, 3, *r.SessionKey)
		}
	})
	return b.Bytes()
}
