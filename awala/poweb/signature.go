package poweb

import (
	"crypto"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/pki"
)

// The contents of the object identifiers that keep the signatures apart
// (RS-000).
var (
	// oidParcelDelivery is 1.3.6.1.4.1.58708.0.3.0.
	oidParcelDelivery = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xca, 0x54, 0x00, 0x03, 0x00}
	// oidNonce is 1.3.6.1.4.1.58708.0.3.1.
	oidNonce = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xca, 0x54, 0x00, 0x03, 0x01}
)

// SignNonce signs the nonce of a [Challenge] as the holder of certificate, which
// is enclosed.
func SignNonce(nonce []byte, key crypto.Signer, certificate *pki.Certificate) ([]byte, error) {
	return sign(oidNonce, nonce, key, certificate)
}

// VerifyNonce verifies a signature over a nonce and returns the certificate of
// the signer, whose subject is the private gateway that asks for its parcels.
//
// One of the certificates that v trusts must have issued the signer's directly,
// and both must be valid at the given time. The error wraps ErrMalformed,
// ErrSignature or ErrUntrusted.
func VerifyNonce(signature, nonce []byte, v *pki.Validator, at time.Time) (*pki.Certificate, error) {
	return verify(oidNonce, signature, nonce, v, at)
}

// CountersignParcel signs a serialised parcel for delivery to the Internet
// gateway, as the holder of certificate, which is enclosed.
func CountersignParcel(parcel []byte, key crypto.Signer, certificate *pki.Certificate) ([]byte, error) {
	return sign(oidParcelDelivery, parcel, key, certificate)
}

// VerifyParcel verifies a countersignature over a serialised parcel, like
// [VerifyNonce], and returns the certificate of the private gateway that
// delivers it. The signer need not be related to the sender of the parcel.
func VerifyParcel(signature, parcel []byte, v *pki.Validator, at time.Time) (*pki.Certificate, error) {
	return verify(oidParcelDelivery, signature, parcel, v, at)
}

func sign(oid, data []byte, key crypto.Signer, certificate *pki.Certificate) ([]byte, error) {
	signature, err := cms.SignDetached(key, certificate, pairBefore(oid, data, 0), data)
	if err != nil {
		return nil, fmt.Errorf("poweb: sign: %w", err)
	}
	return signature, nil
}

func verify(oid, signature, data []byte, v *pki.Validator, at time.Time) (*pki.Certificate, error) {
	parsed, err := cms.ParseSigned(signature)
	if err != nil {
		return nil, cmsError(err)
	}
	verified, err := parsed.VerifyDetached(pairBefore(oid, data, 0), data)
	if err != nil {
		return nil, cmsError(err)
	}
	// Without intermediates a path has room for the signer and its issuer only.
	path, err := v.Path(verified.Signer, nil, at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	if len(path) != 2 {
		return nil, fmt.Errorf("%w: not issued directly by a trusted certificate", ErrUntrusted)
	}
	return verified.Signer, nil
}

func cmsError(err error) error {
	kind := ErrSignature
	if errors.Is(err, cms.ErrMalformed) {
		kind = ErrMalformed
	}
	return fmt.Errorf("%w: %w", kind, err)
}
