package powebclient

import (
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/google/uuid"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// backdating covers clocks that differ.
const backdating = 5 * time.Minute

// Endpoint is an endpoint behind a private gateway.
type Endpoint struct {
	gateway     *PrivateGateway
	key         *rsa.PrivateKey
	certificate *pki.Certificate
}

// NewEndpoint makes an endpoint with a new key.
func (g *PrivateGateway) NewEndpoint() (*Endpoint, error) {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return g.NewEndpointWith(key)
}

// NewEndpointWith makes an endpoint with a key of the caller's.
func (g *PrivateGateway) NewEndpointWith(key *rsa.PrivateKey) (*Endpoint, error) {
	certificate, err := pki.IssueEndpoint(g.issue(&key.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return &Endpoint{gateway: g, key: key, certificate: certificate}, nil
}

func (g *PrivateGateway) issue(subject *rsa.PublicKey) pki.IssueRequest {
	return pki.IssueRequest{
		Subject: subject, IssuerKey: g.Key, Issuer: g.Certificate(),
		NotBefore: latest(time.Now().Add(-backdating), g.Certificate().NotBefore()),
		NotAfter:  g.Certificate().NotAfter(),
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ID is the endpoint's id.
func (e *Endpoint) ID() string { return e.certificate.SubjectID() }

// Certificate is the certificate that the private gateway issued.
func (e *Endpoint) Certificate() *pki.Certificate { return e.certificate }

// Key is the endpoint's identity key.
func (e *Endpoint) Key() *rsa.PrivateKey { return e.key }

// Authorize issues a parcel delivery authorisation (PDA): leave for another
// endpoint to write to this one.
func (e *Endpoint) Authorize(sender *Endpoint) (*pki.Certificate, error) {
	authorization, err := pki.IssueDeliveryAuthorization(pki.IssueRequest{
		Subject: &sender.key.PublicKey, IssuerKey: e.key, Issuer: e.certificate,
		NotBefore: e.certificate.NotBefore(), NotAfter: e.certificate.NotAfter(),
	})
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return authorization, nil
}

// Chain returns the certificates that a parcel to this endpoint must hold beside
// the authorisation: the endpoint's and its private gateway's.
func (e *Endpoint) Chain() []*pki.Certificate {
	return []*pki.Certificate{e.certificate, e.gateway.Certificate()}
}

// Parcel describes a parcel from one endpoint to another. The zero value of each
// field but To has a sensible meaning.
type Parcel struct {
	// To is the recipient.
	To *Endpoint
	// ID is the parcel's id; a random one if "".
	ID string
	// InternetAddress is that of the recipient's gateway; none if "".
	InternetAddress string
	// CreatedAt is now, and TTL five minutes, unless set.
	CreatedAt time.Time
	TTL       time.Duration
	// Payload is opaque to gateways.
	Payload []byte
}

// Write serialises a parcel that the recipient has authorised.
func (e *Endpoint) Write(p Parcel) ([]byte, error) {
	authorization, err := p.To.Authorize(e)
	if err != nil {
		return nil, err
	}
	return e.WriteWith(p, authorization)
}

// WriteWith serialises a parcel under the given authorisation, or under any other
// certificate of the endpoint's key.
func (e *Endpoint) WriteWith(p Parcel, authorization *pki.Certificate) ([]byte, error) {
	if p.ID == "" {
		p.ID = uuid.NewString()
	}
	if p.CreatedAt.IsZero() {
		p.CreatedAt = time.Now()
	}
	if p.TTL == 0 {
		p.TTL = 5 * time.Minute
	}
	serialized, err := (&ramf.Message{
		Type:      ramf.TypeParcel,
		Recipient: ramf.Recipient{ID: p.To.ID(), InternetAddress: p.InternetAddress},
		ID:        p.ID, CreatedAt: p.CreatedAt, TTL: p.TTL, Payload: p.Payload,
		Sender: authorization, Attached: p.To.Chain(),
	}).Sign(e.key)
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return serialized, nil
}
