package registration

import (
	"crypto/rsa"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/pki"
)

// ConnectionParams (NodeConnectionParams) is what others need in order to start
// a channel with an Internet node.
type ConnectionParams struct {
	// InternetAddress is the node's domain name.
	InternetAddress string
	// IdentityKey is the node's identity key.
	IdentityKey *rsa.PublicKey
	// SessionKey is bound to no peer: anyone may encrypt their first message to it.
	SessionKey pki.SessionPublicKey
}

// ParseConnectionParams reads connection parameters.
func ParseConnectionParams(der []byte) (*ConnectionParams, error) {
	input := cryptobyte.String(der)
	var fields, address, spki, session cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&address, field(0)) &&
		fields.ReadASN1(&spki, field(1)) &&
		fields.ReadASN1(&session, field(2).Constructed()) && fields.Empty()
	if !ok {
		return nil, fmt.Errorf("%w: no connection parameters", ErrMalformed)
	}
	if err := checkAddress(string(address)); err != nil {
		return nil, err
	}
	identity, err := pki.ParsePublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: identity key: %w", ErrMalformed, err)
	}
	key, err := readSessionKey(session)
	if err != nil {
		return nil, err
	}
	return &ConnectionParams{InternetAddress: string(address), IdentityKey: identity, SessionKey: key}, nil
}

// Marshal writes the connection parameters.
func (p *ConnectionParams) Marshal() ([]byte, error) {
	if err := checkAddress(p.InternetAddress); err != nil {
		return nil, err
	}
	spki, err := pki.MarshalPublicKey(p.IdentityKey)
	if err != nil {
		return nil, fmt.Errorf("%w: identity key: %w", ErrMalformed, err)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addField(b, 0, []byte(p.InternetAddress))
		addField(b, 1, spki)
		addSessionKey(b, 2, p.SessionKey)
	})
	return b.Bytes()
}
