package cargo

import (
	"bytes"
	"fmt"

	"awala.network/gateway/awala/pki"
)

// CertificateRotation hands a private gateway its next certificate before the
// current one expires (RS-002). The Internet gateway sends it and ignores those
// that it receives.
type CertificateRotation struct {
	// Path leads from the private gateway's new certificate to the Internet
	// gateway's current self-issued one.
	Path pki.CertificationPath
}

// ParseCertificateRotation reads a rotation with its format signature, in
// either of the two encodings of certification paths.
func ParseCertificateRotation(item []byte) (CertificateRotation, error) {
	body, ok := bytes.CutPrefix(item, []byte(signatureRotation))
	if !ok {
		return CertificateRotation{}, fmt.Errorf("%w: no certificate rotation", ErrMalformed)
	}
	path, err := pki.ParseCertificationPath(body)
	if err != nil {
		return CertificateRotation{}, fmt.Errorf("%w: certificate rotation: %w", ErrMalformed, err)
	}
	return CertificateRotation{Path: *path}, nil
}

// Marshal writes the rotation with its format signature. The path is written in
// the encoding of RS-002.
func (r CertificateRotation) Marshal() ([]byte, error) {
	return marshalRotation(r.Path.Marshal)
}

// MarshalEmbedded is Marshal with the path in the encoding of the JVM clients since
// 2023. Neither sort of client reads the other's.
func (r CertificateRotation) MarshalEmbedded() ([]byte, error) {
	return marshalRotation(r.Path.MarshalEmbedded)
}

func marshalRotation(marshal func() ([]byte, error)) ([]byte, error) {
	path, err := marshal()
	if err != nil {
		return nil, fmt.Errorf("cargo: certificate rotation: %w", err)
	}
	return append([]byte(signatureRotation), path...), nil
}
