package cms

import (
	"bytes"
	"crypto"
	"crypto/subtle"
	"fmt"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/pki"
)

var errNoSigner = fmt.Errorf("%w: the signer's certificate is not attached", ErrSignature)

// signerInfo is a SignerInfo (RFC 5652 §5.3).
type signerInfo struct {
	issuer     []byte      // DER of the issuer's name
	serial     []byte      // content of the serial number
	digest     crypto.Hash // of the content
	attributes []byte      // the signed attributes in the form that is hashed; nil when absent
	expected   []byte      // the digest of the content according to the attributes
	hash       crypto.Hash // of the signature itself
	signature  []byte
}

// read reads the one SignerInfo there must be. Violations of the encoding stay in
// the cursor; the error is about its contents.
func (s *signerInfo) read(signers *ber.Cursor) error {
	info := signers.Enter(ber.Sequence)
	signers.Done()
	info.Read(ber.Integer) // version, which the identifier below implies
	if info.NextIs(ber.Context(0)) || info.NextIs(ber.Context(0).Constructed()) {
		return unsupported("signer identified by key") // deployed clients refuse it
	}
	id := info.Enter(ber.Sequence)
	s.issuer = id.Read(ber.Sequence).Raw
	s.serial = id.Read(ber.Integer).Content
	id.Done()
	digest := readAlgorithm(&info)
	attributes, hasAttributes := info.ReadOptional(ber.Context(0).Constructed())
	signature := readAlgorithm(&info)
	s.signature = info.Read(ber.OctetString).Content
	info.ReadOptional(ber.Context(1).Constructed()) // unsigned attributes
	info.Done()
	if hasAttributes {
		if err := s.readAttributes(&info, attributes); err != nil {
			return err
		}
	}
	return s.readAlgorithms(info.Err(), digest, signature)
}

// readAlgorithms interprets the algorithms unless they could not even be read.
func (s *signerInfo) readAlgorithms(readErr error, digest, signature algorithm) (err error) {
	if readErr != nil {
		return nil
	}
	if s.digest, err = digest.hash(); err != nil {
		return err
	}
	s.hash, err = pssHash(signature)
	return err
}

// readAttributes reads the signed attributes, of which the content type and the
// digest of the content are required, once each (RFC 5652 §11).
func (s *signerInfo) readAttributes(info *ber.Cursor, attributes ber.Element) error {
	if attributes.Indefinite {
		return malformed("signed attributes are not in DER", nil)
	}
	// Hashed as received but for the tag: that of a SET, not the implicit one
	// (RFC 5652 §5.4).
	s.attributes = bytes.Clone(attributes.Raw)
	s.attributes[0] = byte(ber.Set)
	var contentType []byte
	set := info.Open(attributes)
	for !set.Empty() {
		attribute := set.Enter(ber.Sequence)
		oid := attribute.Read(ber.ObjectIdentifier).Content
		values := attribute.Enter(ber.Set)
		attribute.Done()
		switch {
		case bytes.Equal(oid, oidContentType):
			if !readOnce(&contentType, &values, ber.ObjectIdentifier) {
				return malformed("attribute content-type", nil)
			}
		case bytes.Equal(oid, oidMessageDigest):
			if !readOnce(&s.expected, &values, ber.OctetString) {
				return malformed("attribute message-digest", nil)
			}
		}
	}
	if s.expected == nil || !bytes.Equal(contentType, oidData) {
		return malformed("signed attributes lack the content's type or digest", nil)
	}
	return nil
}

// readOnce reads the single value of an attribute that must not occur twice.
func readOnce(into *[]byte, values *ber.Cursor, tag ber.Tag) bool {
	if *into != nil {
		return false
	}
	*into = values.Read(tag).Content
	values.Done()
	return values.Err() == nil
}

// isBy tells whether the certificate is the one that the signer is said to have.
func (s *signerInfo) isBy(certificate *pki.Certificate) bool {
	return bytes.Equal(s.issuer, certificate.RawIssuer()) && certificate.HasSerial(s.serial)
}

// verify verifies the signature over the pieces of the content with the
// certificate's key.
func (s *signerInfo) verify(content [][]byte, signer *pki.Certificate) error {
	digest := digestOf(s.digest, content...)
	if s.attributes == nil {
		return s.verifyBare(content, digest, signer)
	}
	if subtle.ConstantTimeCompare(digest, s.expected) != 1 {
		return fmt.Errorf("%w: digest of the content differs", ErrSignature)
	}
	return verifyPSS(digestOf(s.hash, s.attributes), s.signature, s.hash, signer)
}

// verifyBare verifies a signature without signed attributes. Content that could be
// the attributes of another message by the same signer is refused, or else that
// message's signature would be one over this content. No content in Awala is a
// SET.
func (s *signerInfo) verifyBare(content [][]byte, digest []byte, signer *pki.Certificate) error {
	if s.digest != s.hash {
		return unsupported("digest and signature with different hash functions")
	}
	if startsWith(content, byte(ber.Set)) {
		return unsupported("signature without attributes over a set")
	}
	return verifyPSS(digest, s.signature, s.hash, signer)
}

// startsWith tells whether pieces, joined, start with an octet.
func startsWith(pieces [][]byte, first byte) bool {
	for _, piece := range pieces {
		if len(piece) > 0 {
			return piece[0] == first
		}
	}
	return false
}
