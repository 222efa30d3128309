package pki

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"time"
)

var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidAuthorityKeyID   = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
)

// Certificate is an X.509 certificate of the Awala PKI (RS-002). It is immutable.
type Certificate struct {
	der       []byte            // as received
	serial    []byte            // content of the serial number, as received
	digest    [sha256.Size]byte // of der
	parsed    *x509.Certificate
	key       *rsa.PublicKey
	subjectID string
	issuerID  string
}

// ParseCertificate reads a DER certificate. It is as strict as the standard
// library but for serial numbers with needless leading zeros, which deployed
// clients make, and stricter in what Awala has no use for: the version must be 3,
// the signature RSA-PSS (RS-018), the key a canonical RSA key of 2048 to 8192
// bits, and no extension may restrict the certificate in a way that path
// validation here does not look at. The octets are copied.
//
// Errors: ErrMalformed, ErrKey, ErrUnsupported.
func ParseCertificate(der []byte) (*Certificate, error) {
	if known, ok := recentlyParsed.get(string(der)); ok {
		return known, nil
	}
	octets := bytes.Clone(der)
	c, err := parseCertificate(octets)
	if err != nil {
		return nil, err
	}
	if len(octets) <= maxRememberedLen {
		recentlyParsed.put(string(octets), c)
	}
	return c, nil
}

// parseCertificate reads a certificate that will keep der.
func parseCertificate(der []byte) (*Certificate, error) {
	shell, ok := readShell(der)
	if !ok {
		return nil, refuse(ErrMalformed, "certificate", nil)
	}
	parsed, err := parseShell(der, shell)
	if err != nil {
		return nil, refuse(ErrMalformed, "certificate", err)
	}
	if err := checkProfile(parsed); err != nil {
		return nil, err
	}
	key, ok := parsed.PublicKey.(*rsa.PublicKey)
	if !ok || !canonicalSPKI(parsed.RawSubjectPublicKeyInfo) {
		return nil, refuse(ErrKey, "the certificate's key is not a plain RSA key", nil)
	}
	if err := checkIdentityKey(key); err != nil {
		return nil, err
	}
	c := &Certificate{der: der, serial: shell.serial, digest: sha256.Sum256(der), parsed: parsed, key: key}
	spkiDigest := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	c.subjectID = nodeID(spkiDigest[:])
	if len(parsed.AuthorityKeyId) == sha256.Size {
		c.issuerID = nodeID(parsed.AuthorityKeyId)
	}
	return c, nil
}

// parseShell parses with the standard library what it would refuse only for its
// serial number, and restores what was signed.
func parseShell(der []byte, shell shell) (*x509.Certificate, error) {
	if shell.hasMinimalSerial() {
		return x509.ParseCertificate(der)
	}
	readable, err := shell.withMinimalSerial()
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(readable)
	if err != nil {
		return nil, err
	}
	parsed.Raw, parsed.RawTBSCertificate = der, shell.tbs
	return parsed, nil
}

// checkProfile refuses what RS-002 and RS-018 do not provide for.
func checkProfile(parsed *x509.Certificate) error {
	if parsed.Version != 3 {
		return refuse(ErrUnsupported, "certificate is not of version 3", nil)
	}
	switch parsed.SignatureAlgorithm {
	case x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
	default:
		return refuse(ErrUnsupported, "certificate's signature algorithm "+parsed.SignatureAlgorithm.String(), nil)
	}
	for _, extension := range parsed.Extensions {
		id := extension.Id
		understood := id.Equal(oidBasicConstraints) || id.Equal(oidKeyUsage)
		if extension.Critical && !understood || id.Equal(oidNameConstraints) {
			return refuse(ErrUnsupported, "certificate extension "+id.String(), nil)
		}
	}
	return nil
}

// DER returns the octets that the certificate was read from. They must not be
// modified.
func (c *Certificate) DER() []byte { return c.der }

// SubjectID returns the node id of the certificate's key.
func (c *Certificate) SubjectID() string { return c.subjectID }

// IssuerID returns the node id of the issuer according to the authority key
// identifier, or "" when there is none. It is a claim until the signature was
// checked.
func (c *Certificate) IssuerID() string { return c.issuerID }

// PublicKey returns the subject's identity key. It must not be modified.
func (c *Certificate) PublicKey() *rsa.PublicKey { return c.key }

// NotBefore returns the first instant at which the certificate is valid.
func (c *Certificate) NotBefore() time.Time { return c.parsed.NotBefore }

// NotAfter returns the last instant at which the certificate is valid.
func (c *Certificate) NotAfter() time.Time { return c.parsed.NotAfter }

// IsCA tells whether the certificate may issue others.
func (c *Certificate) IsCA() bool { return c.parsed.BasicConstraintsValid && c.parsed.IsCA }

// IsSelfIssued tells whether subject and issuer have the same name.
func (c *Certificate) IsSelfIssued() bool {
	return bytes.Equal(c.parsed.RawSubject, c.parsed.RawIssuer)
}

// Equal tells whether both certificates are the same octets, signature included.
func (c *Certificate) Equal(other *Certificate) bool {
	return c == other || c != nil && other != nil && bytes.Equal(c.der, other.der)
}

// RawSubject returns the DER of the subject's name. It must not be modified.
func (c *Certificate) RawSubject() []byte { return c.parsed.RawSubject }

// RawIssuer returns the DER of the issuer's name. It must not be modified.
func (c *Certificate) RawIssuer() []byte { return c.parsed.RawIssuer }

// RawSerial returns the content octets of the serial number as they were
// received, needless zeros included. They must not be modified.
func (c *Certificate) RawSerial() []byte { return c.serial }

// HasSerial tells whether the certificate's serial number is the INTEGER with the
// given content octets. Needless leading zeros on either side do not matter.
func (c *Certificate) HasSerial(content []byte) bool { return sameInteger(c.serial, content) }

// CheckValidity tells whether the certificate is valid at the given instant:
// nil, ErrNotYetValid or ErrExpired.
func (c *Certificate) CheckValidity(at time.Time) error {
	switch {
	case at.Before(c.NotBefore()):
		return refuse(ErrNotYetValid, "certificate of "+c.subjectID, nil)
	case at.After(c.NotAfter()):
		return refuse(ErrExpired, "certificate of "+c.subjectID, nil)
	}
	return nil
}

// CheckSignatureFrom tells whether the key of parent made the certificate's
// signature: nil or ErrSignature. Names, dates and authority are not looked at.
func (c *Certificate) CheckSignatureFrom(parent *Certificate) error {
	err := parent.parsed.CheckSignature(c.parsed.SignatureAlgorithm, c.parsed.RawTBSCertificate, c.parsed.Signature)
	if err != nil {
		return refuse(ErrSignature, "certificate of "+c.subjectID+" not signed by "+parent.subjectID, err)
	}
	return nil
}

// mayIssue tells whether the certificate is an authority whose key usage, if it
// gives any, includes signing certificates.
func (c *Certificate) mayIssue() bool {
	usage := c.parsed.KeyUsage
	return c.IsCA() && (usage == 0 || usage&x509.KeyUsageCertSign != 0)
}

// maxPathLen returns the path length constraint, if there is one.
func (c *Certificate) maxPathLen() (limit int, limited bool) {
	limit = c.parsed.MaxPathLen
	return limit, limit > 0 || limit == 0 && c.parsed.MaxPathLenZero
}
