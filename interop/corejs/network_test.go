package corejs

import (
	"crypto/rsa"
	"encoding/hex"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
)

// network is the nodes that write the messages: an Internet gateway, a private
// gateway that it serves, and two endpoints, of which B may write to A.
type network struct {
	gateway, private, endpointA, endpointB *rsa.PrivateKey

	gatewayCertificate, privateCertificate, endpointCertificate *pki.Certificate
	// pda allows endpoint B to write to A, cda the gateway to the private one.
	pda, cda *pki.Certificate
	// privateRoot is the private gateway's self-issued certificate: the issuer
	// of the cda.
	privateRoot *pki.Certificate

	session pki.SessionKey // of whoever receives
}

// now is the time of all messages: the library has no other clock than the
// machine's.
var now = time.Now().UTC().Truncate(time.Second)

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{}
	for _, key := range []**rsa.PrivateKey{&n.gateway, &n.private, &n.endpointA, &n.endpointB} {
		*key = must(pki.GenerateIdentityKey())(t)
	}
	issue := func(how func(pki.IssueRequest) (*pki.Certificate, error), subject, issuer *rsa.PrivateKey, certificate *pki.Certificate) *pki.Certificate {
		return must(how(pki.IssueRequest{
			Subject: &subject.PublicKey, IssuerKey: issuer, Issuer: certificate,
			NotBefore: now.Add(-3 * time.Hour), NotAfter: now.Add(180 * 24 * time.Hour),
		}))(t)
	}
	n.gatewayCertificate = issue(pki.IssueInternetGateway, n.gateway, n.gateway, nil)
	n.privateCertificate = issue(pki.IssuePrivateGateway, n.private, n.gateway, n.gatewayCertificate)
	n.endpointCertificate = issue(pki.IssueEndpoint, n.endpointA, n.private, n.privateCertificate)
	n.pda = issue(pki.IssueDeliveryAuthorization, n.endpointB, n.endpointA, n.endpointCertificate)
	n.privateRoot = issue(pki.IssuePrivateGateway, n.private, n.private, nil)
	n.cda = issue(pki.IssueDeliveryAuthorization, n.gateway, n.private, n.privateRoot)
	n.session = must(pki.GenerateSessionKey())(t)
	return n
}

// must unwraps a result in a test.
func must[T any](value T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}

// ids of certificates, as JSON decodes lists.
func ids(certificates ...*pki.Certificate) []any {
	list := []any{}
	for _, c := range certificates {
		list = append(list, c.SubjectID())
	}
	return list
}

// isoDate writes a time as JavaScript does.
func isoDate(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func describeSessionKey(t *testing.T, key pki.SessionPublicKey) map[string]any {
	t.Helper()
	return map[string]any{"id": hex.EncodeToString(key.ID), "spki": hex.EncodeToString(must(key.Marshal())(t))}
}
