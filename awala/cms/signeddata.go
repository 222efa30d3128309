package cms

import (
	"bytes"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/pki"
)

// maxCertificates is far more than deployed clients attach (three); it keeps
// strangers from having thousands of certificates parsed.
const maxCertificates = 32

// Signature is a verified signature.
type Signature struct {
	// Signer is the certificate whose key made the signature. Whether it is
	// valid or trusted was not looked at.
	Signer *pki.Certificate
	// Others are the certificates attached besides the signer's. Nothing about
	// them was verified.
	Others []*pki.Certificate
	// Content is what was signed; nil when it was not attached.
	Content []byte
}

// SignedData is a parsed SignedData (RFC 5652 §5). Nothing about it is verified
// yet. It aliases its input and is safe for concurrent use.
type SignedData struct {
	content      []byte // nil when detached
	certificates [][]byte
	signer       signerInfo
}

// ParseSigned reads a SignedData with exactly one signer, which is identified by
// issuer and serial number, over content of type id-data. The input is aliased
// and must not change.
//
// Errors: ErrMalformed, ErrUnsupported.
func ParseSigned(input []byte) (*SignedData, error) {
	fields, err := enterContentInfo(input, oidSignedData)
	if err != nil {
		return nil, err
	}
	sd := &SignedData{}
	fields.Read(ber.Integer) // version; what it would announce is checked as such
	fields.Read(ber.Set)     // digest algorithms; the signer's own counts
	if err := sd.readContent(&fields); err != nil {
		return nil, err
	}
	if certificates, ok := fields.ReadOptional(ber.Context(0).Constructed()); ok {
		if err := sd.readCertificates(fields.Open(certificates)); err != nil {
			return nil, err
		}
	}
	fields.ReadOptional(ber.Context(1).Constructed()) // revocation lists
	signers := fields.Enter(ber.Set)
	fields.Done()
	err = sd.signer.read(&signers)
	if fields.Err() != nil {
		return nil, malformed("SignedData", fields.Err())
	}
	if err != nil {
		return nil, err
	}
	return sd, nil
}

// readContent reads the EncapsulatedContentInfo (RFC 5652 §5.2).
func (sd *SignedData) readContent(fields *ber.Cursor) error {
	encapsulated := fields.Enter(ber.Sequence)
	contentType := encapsulated.Read(ber.ObjectIdentifier).Content
	if fields.Err() == nil && !bytes.Equal(contentType, oidData) {
		return unsupported("type of the signed content")
	}
	if explicit, ok := encapsulated.ReadOptional(ber.Context(0).Constructed()); ok {
		inner := encapsulated.Open(explicit)
		content := inner.ReadString(ber.OctetString)
		inner.Done()
		sd.content, _ = content.Octets()
	}
	encapsulated.Done()
	return nil
}

func (sd *SignedData) readCertificates(set ber.Cursor) error {
	for !set.Empty() {
		if len(sd.certificates) == maxCertificates {
			return unsupported("too many certificates")
		}
		sd.certificates = append(sd.certificates, set.Read(ber.Sequence).Raw)
	}
	return nil
}

// Content returns the content attached, which is not verified, or nil when the
// signature is detached. It aliases the input if it is in one piece there.
func (sd *SignedData) Content() []byte { return sd.content }

// Detached tells whether the content is not attached.
func (sd *SignedData) Detached() bool { return sd.content == nil }

// Verify verifies the signature over the attached content. The signer's
// certificate must be attached too.
//
// Errors: ErrSignature; ErrMalformed, also for a detached signature and for what
// is wrong with the certificates attached; ErrUnsupported.
func (sd *SignedData) Verify() (*Signature, error) {
	if sd.Detached() {
		return nil, malformed("content is not attached", nil)
	}
	signature, err := sd.verify([][]byte{sd.content})
	if err != nil {
		return nil, err
	}
	signature.Content = sd.content
	return signature, nil
}

// VerifyDetached verifies the signature over content that is not attached, given
// in one or more pieces, which are not copied. Its errors are those of Verify; a
// signature with content attached is ErrMalformed.
func (sd *SignedData) VerifyDetached(content ...[]byte) (*Signature, error) {
	if !sd.Detached() {
		return nil, malformed("content is attached", nil)
	}
	return sd.verify(content)
}

func (sd *SignedData) verify(content [][]byte) (*Signature, error) {
	signature := &Signature{}
	var err error
	signature.Signer, signature.Others, err = sd.parseCertificates()
	if err != nil {
		return nil, err
	}
	if err := sd.signer.verify(content, signature.Signer); err != nil {
		return nil, err
	}
	return signature, nil
}

// parseCertificates parses the certificates attached and sets the signer's apart.
// Further copies of it are dropped. A different certificate that claims the same
// issuer and serial number makes the signer ambiguous and is refused.
func (sd *SignedData) parseCertificates() (signer *pki.Certificate, others []*pki.Certificate, err error) {
	for _, der := range sd.certificates {
		certificate, err := pki.ParseCertificate(der)
		switch {
		case err != nil:
			return nil, nil, malformed("attached certificate", err)
		case !sd.signer.isBy(certificate):
			others = append(others, certificate)
		case signer == nil:
			signer = certificate
		case !signer.Equal(certificate):
			return nil, nil, malformed("two certificates of the signer", nil)
		}
	}
	if signer == nil {
		return nil, nil, errNoSigner
	}
	return signer, others, nil
}
