package courierclient

import (
	"context"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/google/uuid"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/awala/registration"
)

// Dates of what private gateways write, as released clients have them.
const (
	ccaBackdating   = 90 * time.Minute
	ccaLife         = 14 * 24 * time.Hour
	cargoBackdating = 3 * time.Hour
	issuerLife      = 180 * 24 * time.Hour
)

// PrivateGateway is what a registered private gateway needs to use couriers. Its
// methods may be called concurrently.
type PrivateGateway struct {
	// Key is the identity key, Certificate what the Internet gateway issued.
	Key         *rsa.PrivateKey
	Certificate *pki.Certificate

	now             func() time.Time
	internetGateway *pki.Certificate
	internetAddress string
	cdaIssuer       *pki.Certificate
	sessions        *sessions
}

// NewPrivateGateway makes one of a registration. now is time.Now if nil.
func NewPrivateGateway(key *rsa.PrivateKey, r *registration.Registration, now func() time.Time) (*PrivateGateway, error) {
	if now == nil {
		now = time.Now
	}
	g := &PrivateGateway{
		Key: key, Certificate: r.NodeCertificate, now: now,
		internetGateway: r.GatewayCertificate, internetAddress: r.InternetAddress, sessions: newSessions(),
	}
	if r.SessionKey == nil {
		return nil, fmt.Errorf("courierclient: registration without a session key")
	}
	// Everything that comes later supersedes the key of the registration.
	g.sessions.peer = channel.PeerKey{SessionPublicKey: *r.SessionKey, CreatedAt: time.Unix(0, 0)}
	var err error
	g.cdaIssuer, err = pki.IssuePrivateGateway(pki.IssueRequest{
		Subject: &key.PublicKey, IssuerKey: key, NotBefore: now().Add(-ccaBackdating), NotAfter: now().Add(issuerLife),
	})
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return g, nil
}

// ID is the private gateway's id.
func (g *PrivateGateway) ID() string { return g.Certificate.SubjectID() }

// SerializeCargo writes a cargo with the items.
func (g *PrivateGateway) SerializeCargo(ctx context.Context, items ...[]byte) ([]byte, error) {
	plaintext, err := cargo.MarshalMessageSet(items)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	m := g.message(ramf.TypeCargo, g.now().Add(-cargoBackdating), cargoBackdating+ccaLife)
	return g.Seal(ctx, m, plaintext)
}

// SerializeCCA writes a cargo collection authorisation, once per use.
func (g *PrivateGateway) SerializeCCA(ctx context.Context) ([]byte, error) {
	cda, err := g.DeliveryAuthorization()
	if err != nil {
		return nil, err
	}
	plaintext, err := cargo.CollectionRequest{DeliveryAuthorization: cda}.Marshal()
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return g.Seal(ctx, g.message(ramf.TypeCCA, g.now().Add(-ccaBackdating), ccaBackdating+ccaLife), plaintext)
}

// DeliveryAuthorization issues a cargo delivery authorisation (CDA) with the profile
// that the JavaScript client gives it.
func (g *PrivateGateway) DeliveryAuthorization() (*pki.Certificate, error) {
	now := g.now()
	cda, err := pki.IssuePrivateGateway(pki.IssueRequest{
		Subject: g.internetGateway.PublicKey(), IssuerKey: g.Key, Issuer: g.cdaIssuer,
		NotBefore: now, NotAfter: now.Add(ccaLife),
	})
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return cda, nil
}

// message is a message to the Internet gateway, without its payload.
func (g *PrivateGateway) message(kind ramf.Type, createdAt time.Time, ttl time.Duration) *ramf.Message {
	return &ramf.Message{
		Type:      kind,
		Recipient: ramf.Recipient{ID: g.internetGateway.SubjectID(), InternetAddress: g.internetAddress},
		ID:        uuid.NewString(), CreatedAt: createdAt, TTL: ttl, Sender: g.Certificate,
	}
}

// NewMessage is a cargo or CCA to be changed before it is sealed.
func (g *PrivateGateway) NewMessage(kind ramf.Type) *ramf.Message {
	return g.message(kind, g.now().Add(-ccaBackdating), ccaBackdating+ccaLife)
}

// Seal encrypts plaintext as the payload of a message and signs it.
func (g *PrivateGateway) Seal(ctx context.Context, m *ramf.Message, plaintext []byte) ([]byte, error) {
	payload, err := channel.Seal(ctx, plaintext, g.ID(), g.internetGateway.SubjectID(), g.sessions, g.sessions)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	m.Payload = payload
	raw, err := m.Sign(g.Key)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return raw, nil
}

// OpenCargo checks a collected cargo as private gateways do, and returns its items.
func (g *PrivateGateway) OpenCargo(ctx context.Context, raw []byte) ([][]byte, error) {
	m, err := ramf.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	if m.Type != ramf.TypeCargo || m.Recipient.ID != g.ID() || m.Recipient.InternetAddress != "" {
		return nil, fmt.Errorf("courierclient: a %s for %+v", m.Type, m.Recipient)
	}
	now := g.now()
	if err := m.CheckTiming(now, 0); err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	validator := pki.NewValidator([]*pki.Certificate{g.cdaIssuer}, nil)
	if _, err := m.Authorize(validator, now); err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	plaintext, err := channel.Open(ctx, m, g.sessions, g.sessions)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return cargo.ParseMessageSet(plaintext)
}

// Acknowledgement writes the item that acknowledges a parcel.
func Acknowledgement(parcel []byte) ([]byte, error) {
	m, err := ramf.Parse(parcel)
	if err != nil {
		return nil, fmt.Errorf("courierclient: %w", err)
	}
	return cargo.ParcelCollectionAck{SenderID: m.SenderID(), RecipientID: m.Recipient.ID, ParcelID: m.ID}.Marshal()
}

// Acceptable tells whether a courier of today takes a collected cargo: one of the
// attached certificates must be that of the recipient, and have the name of the
// issuer of the sender's.
func Acceptable(raw []byte, at time.Time) error {
	m, err := ramf.Parse(raw)
	if err != nil {
		return fmt.Errorf("courierclient: %w", err)
	}
	for _, c := range m.Attached {
		if c.SubjectID() == m.Recipient.ID && string(c.RawSubject()) == string(m.Sender.RawIssuer()) {
			_, err := pki.NewValidator([]*pki.Certificate{c}, nil).Path(m.Sender, nil, at)
			return err
		}
	}
	return fmt.Errorf("courierclient: the recipient's certificate is not among the %d attached", len(m.Attached))
}
