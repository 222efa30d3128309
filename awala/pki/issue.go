package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Path length constraints (RS-002): how many authorities may stand between a
// certificate and a leaf.
const (
	pathLenInternetGateway = 2
	pathLenPrivateGateway  = 1
	pathLenEndpoint        = 0
	pathLenDelivery        = 0
)

// IssueRequest says what certificate to issue.
type IssueRequest struct {
	// Subject is the key that the certificate is for.
	Subject *rsa.PublicKey
	// IssuerKey signs; an RSA key, perhaps in a key management service.
	IssuerKey crypto.Signer
	// Issuer is the certificate of IssuerKey, or nil when the subject issues
	// the certificate itself.
	Issuer *Certificate
	// NotBefore and NotAfter bound the validity. Fractions of a second are cut
	// off, and NotAfter is at most the issuer's.
	NotBefore, NotAfter time.Time
}

// IssueInternetGateway issues the certificate of an Internet gateway: an
// authority over private gateways, endpoints and deliveries.
//
// Errors of this and the other Issue functions: ErrKey, ErrNotCA, ErrValidity.
func IssueInternetGateway(request IssueRequest) (*Certificate, error) {
	return issue(request, true, pathLenInternetGateway)
}

// IssuePrivateGateway issues the certificate of a private gateway: an authority
// over endpoints and deliveries. Deployed JavaScript clients give their cargo
// delivery authorisations this profile too.
func IssuePrivateGateway(request IssueRequest) (*Certificate, error) {
	return issue(request, true, pathLenPrivateGateway)
}

// IssueEndpoint issues the certificate of an endpoint: an authority over
// deliveries to itself.
func IssueEndpoint(request IssueRequest) (*Certificate, error) {
	return issue(request, true, pathLenEndpoint)
}

// IssueDeliveryAuthorization issues a parcel or cargo delivery authorisation: a
// certificate with which its subject may send to the issuer, and issue nothing.
func IssueDeliveryAuthorization(request IssueRequest) (*Certificate, error) {
	return issue(request, false, pathLenDelivery)
}

// issue makes a certificate that differs from those of the deployed JavaScript
// clients in the serial number and the signature alone.
func issue(request IssueRequest, isCA bool, pathLen int) (*Certificate, error) {
	issuerSPKI, err := checkIssuer(request)
	if err != nil {
		return nil, err
	}
	subjectSPKI, err := MarshalPublicKey(request.Subject)
	if err != nil {
		return nil, err
	}
	notBefore, notAfter, err := validity(request)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	subjectDigest, issuerDigest := sha256.Sum256(subjectSPKI), sha256.Sum256(issuerSPKI)
	template := &x509.Certificate{
		SerialNumber:       serial,
		SignatureAlgorithm: x509.SHA256WithRSAPSS,
		RawSubject:         nameOf(nodeID(subjectDigest[:])),
		NotBefore:          notBefore,
		NotAfter:           notAfter,
		ExtraExtensions:    extensionsOf(isCA, pathLen, issuerDigest[:], subjectDigest[:]),
	}
	parent := template
	if request.Issuer != nil {
		parent = request.Issuer.parsed
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, request.Subject, request.IssuerKey)
	if err != nil {
		return nil, refuse(ErrKey, "signing a certificate", err)
	}
	return ParseCertificate(der)
}

// checkIssuer returns the SubjectPublicKeyInfo of the issuer if it may issue with
// the key given.
func checkIssuer(request IssueRequest) (spki []byte, err error) {
	if request.IssuerKey == nil {
		return nil, refuse(ErrKey, "no issuer key", nil)
	}
	key, ok := request.IssuerKey.Public().(*rsa.PublicKey)
	if !ok {
		return nil, refuse(ErrKey, "issuer key is not an RSA key", nil)
	}
	if request.Issuer == nil {
		if !key.Equal(request.Subject) {
			return nil, refuse(ErrKey, "self-issued certificate for another key", nil)
		}
		return MarshalPublicKey(key)
	}
	if !key.Equal(request.Issuer.key) {
		return nil, refuse(ErrKey, "issuer key is not that of the issuer's certificate", nil)
	}
	if !request.Issuer.mayIssue() {
		return nil, refuse(ErrNotCA, "certificate of "+request.Issuer.subjectID, nil)
	}
	return MarshalPublicKey(key)
}

// validity returns the bounds to write. They stay within the years that UTCTime
// can express: deployed clients write and read nothing else, so that a later year
// would be read as one of the past century.
func validity(request IssueRequest) (notBefore, notAfter time.Time, err error) {
	notBefore = request.NotBefore.UTC().Truncate(time.Second)
	notAfter = request.NotAfter.UTC().Truncate(time.Second)
	if request.Issuer != nil && notAfter.After(request.Issuer.NotAfter()) {
		notAfter = request.Issuer.NotAfter()
	}
	if !notBefore.Before(notAfter) {
		return notBefore, notAfter, refuse(ErrValidity, "it ends before it starts", nil)
	}
	if notBefore.Year() < 1950 || notAfter.Year() >= 2050 {
		return notBefore, notAfter, refuse(ErrValidity, "outside 1950 to 2049", nil)
	}
	return notBefore, notAfter, nil
}

// newSerial returns a random serial number of 8 octets at most, like that of the
// deployed clients; unlike theirs it is never negative or padded.
func newSerial() (*big.Int, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 63)
	serial, err := rand.Int(rand.Reader, limit.Sub(limit, big.NewInt(1)))
	if err != nil {
		return nil, refuse(ErrKey, "choosing a serial number", err)
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

// nameOf returns the DER of a name that is the common name alone, as a BMPString.
// The string type matters: clients match issuers by the octets of the name.
func nameOf(id string) []byte {
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.SET, func(out *cryptobyte.Builder) {
			out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
				out.AddASN1ObjectIdentifier([]int{2, 5, 4, 3})
				out.AddASN1(bmpStringTag, func(out *cryptobyte.Builder) {
					for _, c := range []byte(id) {
						out.AddUint16(uint16(c))
					}
				})
			})
		})
	})
	return out.BytesOrPanic()
}

const bmpStringTag = asn1.Tag(30)

// extensionsOf returns the extensions in the order of the JavaScript clients. The
// standard library's own order differs, and it refuses a path length on what is
// not an authority, which delivery authorisations have.
func extensionsOf(isCA bool, pathLen int, issuerDigest, subjectDigest []byte) []pkix.Extension {
	var constraints, authority, subject cryptobyte.Builder
	constraints.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
		if isCA {
			out.AddASN1Boolean(true)
		}
		out.AddASN1Int64(int64(pathLen))
	})
	authority.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.Tag(0).ContextSpecific(), func(out *cryptobyte.Builder) { out.AddBytes(issuerDigest) })
	})
	subject.AddASN1OctetString(subjectDigest)
	return []pkix.Extension{
		{Id: oidBasicConstraints, Critical: true, Value: constraints.BytesOrPanic()},
		{Id: oidAuthorityKeyID, Value: authority.BytesOrPanic()},
		{Id: oidSubjectKeyID, Value: subject.BytesOrPanic()},
	}
}
