package pki

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxPathCAs is far more than a path in Awala can have; it keeps strangers from
// having thousands of certificates parsed.
const maxPathCAs = 32

// The tags of a CertificationPath's fields. The leaf is either an OCTET STRING,
// and so primitive, or a certificate, and so constructed.
var (
	leafOctetsTag      = asn1.Tag(0).ContextSpecific()
	leafCertificateTag = leafOctetsTag.Constructed()
	authoritiesTag     = asn1.Tag(1).ContextSpecific().Constructed()
)

// CertificationPath is how a node is given a certificate and the certificates of
// those who vouch for it (RS-002). Nothing in it is verified.
type CertificationPath struct {
	// Leaf is the certificate given.
	Leaf *Certificate
	// CAs are its issuers, its own first. There may be none.
	CAs []*Certificate
}

// Marshal returns the DER encoding in the form of RS-002, where each certificate
// is in an OCTET STRING.
func (p CertificationPath) Marshal() ([]byte, error) {
	if p.Leaf == nil {
		return nil, refuse(ErrMalformed, "certification path without a leaf", nil)
	}
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
		out.AddASN1(leafOctetsTag, func(out *cryptobyte.Builder) { out.AddBytes(p.Leaf.der) })
		out.AddASN1(authoritiesTag, func(out *cryptobyte.Builder) {
			for _, ca := range p.CAs {
				out.AddASN1OctetString(ca.der)
			}
		})
	})
	der, err := out.Bytes()
	if err != nil {
		return nil, refuse(ErrMalformed, "certification path", err)
	}
	return der, nil
}

// MarshalEmbedded returns the DER encoding in the form of the JVM clients since
// 2023, where the certificates are embedded with implicit tags.
func (p CertificationPath) MarshalEmbedded() ([]byte, error) {
	if p.Leaf == nil {
		return nil, refuse(ErrMalformed, "certification path without a leaf", nil)
	}
	element := cryptobyte.String(p.Leaf.der)
	var leaf cryptobyte.String
	if !element.ReadASN1(&leaf, asn1.SEQUENCE) {
		return nil, refuse(ErrMalformed, "leaf of a certification path", nil)
	}
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
		out.AddASN1(leafCertificateTag, func(out *cryptobyte.Builder) { out.AddBytes(leaf) })
		out.AddASN1(authoritiesTag, func(out *cryptobyte.Builder) {
			for _, ca := range p.CAs {
				out.AddBytes(ca.der)
			}
		})
	})
	der, err := out.Bytes()
	if err != nil {
		return nil, refuse(ErrMalformed, "certification path", err)
	}
	return der, nil
}

// ParseCertificationPath reads a certification path in either of its forms: that
// of RS-002, and that of the JVM clients since 2023, where the certificates are
// embedded with implicit tags.
//
// Errors: ErrMalformed, and those of [ParseCertificate].
func ParseCertificationPath(der []byte) (*CertificationPath, error) {
	var body, leaf, authorities cryptobyte.String
	var leafTag asn1.Tag
	input := cryptobyte.String(der)
	ok := input.ReadASN1(&body, asn1.SEQUENCE) && input.Empty() &&
		body.ReadAnyASN1(&leaf, &leafTag) &&
		body.ReadASN1(&authorities, authoritiesTag) && body.Empty()
	if !ok {
		return nil, refuse(ErrMalformed, "certification path", nil)
	}
	embedded := leafTag == leafCertificateTag
	if !embedded && leafTag != leafOctetsTag {
		return nil, refuse(ErrMalformed, "leaf of a certification path", nil)
	}
	if embedded {
		leaf = withSequenceTag(leaf)
	}
	path := &CertificationPath{}
	var err error
	if path.Leaf, err = ParseCertificate(leaf); err != nil {
		return nil, err
	}
	path.CAs, err = parseAuthorities(authorities, embedded)
	if err != nil {
		return nil, err
	}
	return path, nil
}

// parseAuthorities reads certificates one after the other, each by itself if
// embedded and in an OCTET STRING if not.
func parseAuthorities(list cryptobyte.String, embedded bool) ([]*Certificate, error) {
	var authorities []*Certificate
	for !list.Empty() {
		var der cryptobyte.String
		ok := false
		if embedded {
			ok = list.ReadASN1Element(&der, asn1.SEQUENCE)
		} else {
			ok = list.ReadASN1(&der, asn1.OCTET_STRING)
		}
		if !ok || len(authorities) == maxPathCAs {
			return nil, refuse(ErrMalformed, "authorities of a certification path", nil)
		}
		ca, err := ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		authorities = append(authorities, ca)
	}
	return authorities, nil
}

// withSequenceTag undoes the implicit tagging of a certificate.
func withSequenceTag(content []byte) []byte {
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) { out.AddBytes(content) })
	return out.BytesOrPanic()
}
