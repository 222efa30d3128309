package powebclient

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/registration"
)

const (
	typeText    = "text/plain"
	typeRequest = "application/vnd.awala.node-registration.request"
	typeParcel  = "application/vnd.awala.parcel"
)

// PrivateGateway is a registered private gateway. Its methods may be called
// concurrently.
type PrivateGateway struct {
	client *Client
	// Key is the identity key.
	Key *rsa.PrivateKey
	// Registration is what the Internet gateway answered.
	Registration *registration.Registration
}

// ID is the private gateway's id.
func (g *PrivateGateway) ID() string { return g.Certificate().SubjectID() }

// Certificate is the certificate that the Internet gateway issued.
func (g *PrivateGateway) Certificate() *pki.Certificate { return g.Registration.NodeCertificate }

// NewPrivateGateway registers a private gateway with a new key.
func (c *Client) NewPrivateGateway(ctx context.Context) (*PrivateGateway, error) {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return c.Register(ctx, key)
}

// Register registers the private gateway with the given key.
func (c *Client) Register(ctx context.Context, key *rsa.PrivateKey) (*PrivateGateway, error) {
	authorization, err := c.PreRegister(ctx, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	return c.RegisterWith(ctx, key, authorization)
}

// PreRegister returns the serialised authorisation (PNRA) to register a key.
func (c *Client) PreRegister(ctx context.Context, key *rsa.PublicKey) ([]byte, error) {
	digest, err := registration.DigestKey(key)
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return c.post(ctx, "/v1/pre-registrations", typeText, nil, []byte(digest.String()), http.StatusOK)
}

// RegisterWith registers a key with an authorisation.
func (c *Client) RegisterWith(ctx context.Context, key *rsa.PrivateKey, authorization []byte) (*PrivateGateway, error) {
	request, err := (&registration.Request{Key: &key.PublicKey, Authorization: authorization}).Sign(key)
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	answer, err := c.post(ctx, "/v1/nodes", typeRequest, nil, request, http.StatusOK)
	if err != nil {
		return nil, err
	}
	registered, err := registration.ParseRegistration(answer)
	if err != nil {
		return nil, fmt.Errorf("powebclient: %w", err)
	}
	return &PrivateGateway{client: c, Key: key, Registration: registered}, nil
}

// At returns the same private gateway, talking to its Internet gateway through
// another client: the server may have moved.
func (g *PrivateGateway) At(client *Client) *PrivateGateway {
	return &PrivateGateway{client: client, Key: g.Key, Registration: g.Registration}
}
