package events

import "time"

// IdentityChannel is the subject of what happens to this gateway's own identity.
const IdentityChannel = "gateway.identity"

// What stands before a private gateway's id in subjects of the GATEWAY stream.
const (
	peerPrefix             = "gateway.peer."
	sessionKeyPrefix       = "gateway.session-key."
	collectionPrefix       = "gateway.collection."
	acknowledgementsPrefix = "gateway.acknowledgements."
)

// PeerChannel is the subject of what happens between us and one private
// gateway, other than parcels and cargo.
func PeerChannel(privateGatewayID string) string { return peerPrefix + privateGatewayID }

// SessionKeyChannel is the subject whose last record holds the newest session
// key that a private gateway told us.
func SessionKeyChannel(privateGatewayID string) string {
	return sessionKeyPrefix + privateGatewayID
}

// CollectionChannels is the wildcard subject of all collections of a private
// gateway.
func CollectionChannels(privateGatewayID string) string {
	return collectionPrefix + privateGatewayID + ".*"
}

// CollectionChannel is the subject of one cargo collection authorisation (CCA):
// it has a record exactly when the authorisation is used up.
func CollectionChannel(privateGatewayID, authorizationID string) string {
	return collectionPrefix + privateGatewayID + "." + subjectToken(authorizationID)
}

// IdentityCreated says which identity key this gateway uses from now on.
type IdentityCreated struct {
	// NodeID is the gateway's id.
	NodeID string `json:"nodeId" private:"public"`
	// InternetAddress is the name by which it is known.
	InternetAddress string `json:"internetAddress" private:"public"`
}

// OwnCertificateIssued holds a new self-issued certificate of this gateway.
// Earlier certificates stay trusted until they expire.
type OwnCertificateIssued struct {
	NodeID string `json:"nodeId" private:"public"`
	// Certificate is the DER certificate, which is public.
	Certificate []byte    `json:"certificate" private:"public"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
}

// PrivateGatewayRegistered says that a private gateway completed a PoWeb
// registration and got a certificate and a session key of its own. Its id is
// derived from the authorisation's nonce, so that one authorisation registers
// once.
type PrivateGatewayRegistered struct {
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// SessionKeyID identifies the session key that was bound to the gateway,
	// in lowercase hexadecimal.
	SessionKeyID string `json:"sessionKeyId" private:"sealed"`
	// CertificateSHA256 is the digest of the issued certificate.
	CertificateSHA256 string `json:"certificateSha256" private:"sealed"`
	// CertificateExpiresAt is the end of the certificate's validity.
	CertificateExpiresAt time.Time `json:"certificateExpiresAt"`
}

// PeerSessionKeyLearned says that a private gateway told us its newest session
// key, in a cargo or a cargo collection authorisation (RS-003).
type PeerSessionKeyLearned struct {
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// KeyID is the key's id in lowercase hexadecimal.
	KeyID string `json:"keyId" private:"sealed"`
	// PublicKey is the DER SubjectPublicKeyInfo, which is public.
	PublicKey []byte `json:"publicKey" private:"sealed"`
	// MessageCreatedAt is the date of the message that carried the key: the
	// newest wins, in whatever order messages arrive.
	MessageCreatedAt time.Time `json:"messageCreatedAt"`
	// OurKeyID identifies the session key of ours that the message was encrypted
	// to, in lowercase hexadecimal.
	OurKeyID string `json:"ourKeyId,omitempty" private:"sealed"`
}

// CargoCollectionFulfilled says that every cargo produced for a cargo
// collection authorisation (CCA) was acknowledged. The same CCA yields nothing
// afterwards.
type CargoCollectionFulfilled struct {
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// AuthorizationID is the CCA's message id.
	AuthorizationID string `json:"authorizationId" private:"sealed"`
	// ExpiresAt is when the CCA ends by itself.
	ExpiresAt time.Time `json:"expiresAt"`
	// Cargoes counts those sent, Octets their length, and the others what was in
	// them.
	Cargoes          int   `json:"cargoes"`
	Octets           int64 `json:"octets,omitempty"`
	Parcels          int   `json:"parcels,omitempty"`
	Acknowledgements int   `json:"acknowledgements,omitempty"`
	// AcknowledgedThrough holds the sequences of the last [AcknowledgementsDue] of
	// which everything was sent: in the latest collections of this private gateway
	// that were fulfilled, this one last. What the first of them covers has been
	// sent often enough.
	AcknowledgedThrough []uint64 `json:"acknowledgedThrough,omitempty"`
}

// PrivateGatewayCertificateIssued says that a private gateway is sent its next
// certificate in a cargo (RS-002, certificate rotation).
type PrivateGatewayCertificateIssued struct {
	PrivateGatewayID string `json:"privateGatewayId" private:"owner"`
	// AuthorizationID is the message id of the CCA that is being answered.
	AuthorizationID string `json:"authorizationId" private:"sealed"`
	// CertificateSHA256 is the digest of the issued certificate.
	CertificateSHA256 string `json:"certificateSha256" private:"sealed"`
	// CertificateExpiresAt is the end of the certificate's validity.
	CertificateExpiresAt time.Time `json:"certificateExpiresAt"`
}

// EventType implements [Data].
func (IdentityCreated) EventType() Type { return "identity-created.v1" }

// EventType implements [Data].
func (OwnCertificateIssued) EventType() Type { return "own-certificate-issued.v1" }

// EventType implements [Data].
func (PrivateGatewayRegistered) EventType() Type { return "private-gateway-registered.v1" }

// EventType implements [Data].
func (PeerSessionKeyLearned) EventType() Type { return "peer-session-key-learned.v1" }

// EventType implements [Data].
func (CargoCollectionFulfilled) EventType() Type { return "cargo-collection-fulfilled.v1" }

// EventType implements [Data].
func (PrivateGatewayCertificateIssued) EventType() Type {
	return "private-gateway-certificate-issued.v1"
}

// Channel returns gateway.identity.
func (IdentityCreated) Channel() string { return IdentityChannel }

// Channel returns gateway.identity.
func (OwnCertificateIssued) Channel() string { return IdentityChannel }

// Channel returns gateway.peer.<private gateway id>.
func (e PrivateGatewayRegistered) Channel() string { return PeerChannel(e.PrivateGatewayID) }

// Channel returns gateway.session-key.<private gateway id>.
func (e PeerSessionKeyLearned) Channel() string { return SessionKeyChannel(e.PrivateGatewayID) }

// Channel returns gateway.collection.<private gateway id>.<authorisation>.
func (e CargoCollectionFulfilled) Channel() string {
	return CollectionChannel(e.PrivateGatewayID, e.AuthorizationID)
}

// Channel returns gateway.peer.<private gateway id>.
func (e PrivateGatewayCertificateIssued) Channel() string { return PeerChannel(e.PrivateGatewayID) }

// AggregateID returns the gateway's own id.
func (e IdentityCreated) AggregateID() string { return e.NodeID }

// AggregateID returns the gateway's own id.
func (e OwnCertificateIssued) AggregateID() string { return e.NodeID }

// AggregateID returns the private gateway's id.
func (e PrivateGatewayRegistered) AggregateID() string { return e.PrivateGatewayID }

// AggregateID returns the private gateway's id.
func (e PeerSessionKeyLearned) AggregateID() string { return e.PrivateGatewayID }

// AggregateID returns the private gateway's id.
func (e CargoCollectionFulfilled) AggregateID() string { return e.PrivateGatewayID }

// AggregateID returns the private gateway's id.
func (e PrivateGatewayCertificateIssued) AggregateID() string { return e.PrivateGatewayID }
