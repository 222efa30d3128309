package registration

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/ramf"
)

// Authorization (PNRA) is the gateway's leave to register one key for a short
// time. Clients return it verbatim, so its data is the gateway's own affair.
type Authorization struct {
	// ExpiresAt is in UTC, whole seconds. RS-000 admits at most ten seconds.
	ExpiresAt time.Time
	// GatewayData is opaque to everyone but the gateway that signed it.
	GatewayData []byte

	signature []byte
}

// ParseAuthorization reads an authorisation. Nothing in it can be trusted until
// [Authorization.Verify] succeeds.
func ParseAuthorization(der []byte) (*Authorization, error) {
	input := cryptobyte.String(der)
	var fields, expiry, data, signature cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&expiry, field(0)) &&
		fields.ReadASN1(&data, field(1)) &&
		fields.ReadASN1(&signature, field(2)) && fields.Empty()
	if !ok {
		return nil, fmt.Errorf("%w: no registration authorisation", ErrMalformed)
	}
	expiresAt, err := ramf.ParseDate(expiry)
	if err != nil {
		return nil, fmt.Errorf("%w: authorisation expiry: %w", ErrMalformed, err)
	}
	return &Authorization{ExpiresAt: expiresAt, GatewayData: data, signature: signature}, nil
}

// Sign serialises the authorisation under the gateway's identity key. ExpiresAt
// is rounded down to the second.
func (a *Authorization) Sign(key crypto.Signer) ([]byte, error) {
	expiry, err := ramf.FormatDate(a.ExpiresAt)
	if err != nil {
		return nil, fmt.Errorf("%w: authorisation expiry: %w", ErrMalformed, err)
	}
	signature, err := sign(key, oidAuthorization, expiry, a.GatewayData)
	if err != nil {
		return nil, err
	}
	return marshalFields(expiry, a.GatewayData, signature)
}

// Verify tells whether the gateway with the given key made a parsed
// authorisation and it has not expired. The error wraps ErrSignature or
// ErrExpired.
func (a *Authorization) Verify(key *rsa.PublicKey, at time.Time) error {
	expiry, err := ramf.FormatDate(a.ExpiresAt)
	if err != nil {
		return fmt.Errorf("%w: authorisation expiry: %w", ErrMalformed, err)
	}
	if err := verify(key, a.signature, oidAuthorization, expiry, a.GatewayData); err != nil {
		return err
	}
	if at.After(a.ExpiresAt) {
		return fmt.Errorf("%w: at %s", ErrExpired, a.ExpiresAt.Format(time.RFC3339))
	}
	return nil
}
