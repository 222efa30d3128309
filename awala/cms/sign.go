package cms

import (
	"crypto"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/pki"
)

var (
	versionOne  = []byte{byte(ber.Integer), 1, 1}
	dataElement = ber.Append(nil, ber.ObjectIdentifier, oidData)

	// contentTypeAttribute is the signed attribute content-type with the value
	// id-data.
	contentTypeAttribute = ber.Append(nil, ber.Sequence,
		ber.Append(nil, ber.ObjectIdentifier, oidContentType),
		ber.Append(nil, ber.Set, dataElement))
)

// Sign returns the DER SignedData of content, which is attached, by the holder of
// the signer's certificate. It attaches that certificate first, then the others
// in the order given. The signature is RSA-PSS with SHA-256 whatever the
// key: deployed clients verify no other.
//
// It fails when key is not that of the certificate (pki.ErrKey) or does not sign.
func Sign(content []byte, key crypto.Signer, signer *pki.Certificate, others ...*pki.Certificate) ([]byte, error) {
	info, err := newSignerInfo(key, signer, content)
	if err != nil {
		return nil, err
	}
	octetsLen := ber.ElementLen(len(content))
	out, shell := newShell(ber.ElementLen(octetsLen), info, append([]*pki.Certificate{signer}, others...))
	out = ber.AppendHeader(out, ber.Context(0).Constructed(), octetsLen)
	out = ber.AppendHeader(out, ber.OctetString, len(content))
	out = append(out, content...)
	return append(out, shell...), nil
}

// SignDetached returns the DER SignedData of content, which is not attached, with
// the signer's certificate. The content is given in one or more pieces, which are
// not copied. It fails like Sign.
func SignDetached(key crypto.Signer, signer *pki.Certificate, content ...[]byte) ([]byte, error) {
	info, err := newSignerInfo(key, signer, content...)
	if err != nil {
		return nil, err
	}
	out, shell := newShell(0, info, []*pki.Certificate{signer})
	return append(out, shell...), nil
}

// newSignerInfo signs the pieces of a content and returns the DER of a SET of one
// SignerInfo.
func newSignerInfo(key crypto.Signer, signer *pki.Certificate, content ...[]byte) ([]byte, error) {
	// In DER the attributes of a SET are sorted by their octets. These are: the
	// shorter comes first.
	attributes := ber.Append(nil, ber.Set, contentTypeAttribute, digestAttribute(digestOf(crypto.SHA256, content...)))
	signature, err := signPSS(attributes, key, signer)
	if err != nil {
		return nil, err
	}
	attributes[0] = byte(ber.Context(0).Constructed())
	id := ber.Append(nil, ber.Sequence, signer.RawIssuer(), ber.Append(nil, ber.Integer, signer.RawSerial()))
	info := ber.Append(nil, ber.Sequence, versionOne, id, sha256Identifier, attributes,
		pssIdentifiers[crypto.SHA256], ber.Append(nil, ber.OctetString, signature))
	return ber.Append(nil, ber.Set, info), nil
}

// digestAttribute is the signed attribute message-digest.
func digestAttribute(digest []byte) []byte {
	value := ber.Append(nil, ber.OctetString, digest)
	return ber.Append(nil, ber.Sequence,
		ber.Append(nil, ber.ObjectIdentifier, oidMessageDigest),
		ber.Append(nil, ber.Set, value))
}

// newShell returns what precedes and what follows the attached content, whose
// element has the given length, 0 when there is none. All lengths are computed
// first, so that the content is copied once, into head, which has the capacity
// for the whole.
func newShell(contentLen int, info []byte, certificates []*pki.Certificate) (head, tail []byte) {
	ders := make([][]byte, len(certificates))
	for i, certificate := range certificates {
		ders[i] = certificate.DER()
	}
	tail = append(ber.Append(nil, ber.Context(0).Constructed(), ders...), info...)
	digests := ber.Append(nil, ber.Set, sha256Identifier)
	encapsulatedLen := len(dataElement) + contentLen
	signedLen := len(versionOne) + len(digests) + ber.ElementLen(encapsulatedLen) + len(tail)

	head = newContentInfo(oidSignedData, signedLen)
	head = append(append(head, versionOne...), digests...)
	head = ber.AppendHeader(head, ber.Sequence, encapsulatedLen)
	return append(head, dataElement...), tail
}

// newContentInfo returns the start of a ContentInfo as far as the header of its
// content, a SEQUENCE of fieldsLen octets, with the capacity for the whole.
func newContentInfo(contentType []byte, fieldsLen int) []byte {
	explicitLen := ber.ElementLen(fieldsLen)
	infoLen := ber.ElementLen(len(contentType)) + ber.ElementLen(explicitLen)
	out := make([]byte, 0, ber.ElementLen(infoLen))
	out = ber.AppendHeader(out, ber.Sequence, infoLen)
	out = ber.Append(out, ber.ObjectIdentifier, contentType)
	out = ber.AppendHeader(out, ber.Context(0).Constructed(), explicitLen)
	return ber.AppendHeader(out, ber.Sequence, fieldsLen)
}
