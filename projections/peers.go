package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
)

// Peers is the projection of what is known of each private gateway: one [Peer]
// for each, under its id.
type Peers struct{}

// Peer is a private gateway.
type Peer struct {
	PrivateGatewayID string `json:"privateGatewayId"`
	// FirstSequence is the position of the first event about it.
	FirstSequence uint64 `json:"firstSequence"`
	// Registrations counts its registrations by PoWeb, the last of them at
	// RegisteredAt. Of the certificates that it got then or in a cargo, the last
	// expires at CertificateExpiresAt.
	Registrations        int       `json:"registrations"`
	RegisteredAt         time.Time `json:"registeredAt,omitzero"`
	CertificateExpiresAt time.Time `json:"certificateExpiresAt,omitzero"`
	// SessionKeyID names the session key of ours that the last registration
	// bound to it, in lowercase hexadecimal.
	SessionKeyID string `json:"sessionKeyId,omitempty"`
	// LastContact is the latest time of an event about it.
	LastContact time.Time `json:"lastContact"`
	// SessionKey is the newest session key that it told us of, or nil.
	SessionKey *PeerSessionKey `json:"sessionKey,omitempty"`
}

// PeerSessionKey is a session key of a peer (RS-003).
type PeerSessionKey struct {
	// KeyID is in lowercase hexadecimal, PublicKey a DER SubjectPublicKeyInfo.
	KeyID     string `json:"keyId"`
	PublicKey []byte `json:"publicKey"`
	// MessageCreatedAt is the date of the message that told us.
	MessageCreatedAt time.Time `json:"messageCreatedAt"`
}

// Listing of all peers, in the order in which we met them.
const (
	byKind   = "kind"
	kindPeer = "peer"
)

// Spec names the collection peers_v1 of the stream GATEWAY.
func (Peers) Spec() Spec {
	return Spec{Name: "peers_v1", Stream: events.StreamGateway, Indexes: []string{byKind}}
}

// DocumentID is the private gateway's id.
func (Peers) DocumentID(r events.Record) (string, bool) {
	switch data := r.Data.(type) {
	case events.PrivateGatewayRegistered:
		return data.PrivateGatewayID, true
	case events.PeerSessionKeyLearned:
		return data.PrivateGatewayID, true
	case events.CargoCollectionFulfilled:
		return data.PrivateGatewayID, true
	case events.PrivateGatewayCertificateIssued:
		return data.PrivateGatewayID, true
	default:
		return "", false
	}
}

// Fold notes registrations, contacts and session keys. Of these the one from the
// message with the latest date stays, in whatever order they arrive (RS-003).
func (p Peers) Fold(peer *Peer, r events.Record) bool {
	id, ok := p.DocumentID(r)
	if !ok {
		return false
	}
	if peer.FirstSequence == 0 {
		peer.PrivateGatewayID, peer.FirstSequence = id, r.Sequence
	}
	if r.Time.After(peer.LastContact) {
		peer.LastContact = r.Time
	}
	switch data := r.Data.(type) {
	case events.PrivateGatewayRegistered:
		peer.Registrations++
		peer.RegisteredAt, peer.SessionKeyID = r.Time, data.SessionKeyID
		peer.certified(data.CertificateExpiresAt)
	case events.PrivateGatewayCertificateIssued:
		peer.certified(data.CertificateExpiresAt)
	case events.PeerSessionKeyLearned:
		if peer.SessionKey == nil || data.MessageCreatedAt.After(peer.SessionKey.MessageCreatedAt) {
			peer.SessionKey = &PeerSessionKey{data.KeyID, data.PublicKey, data.MessageCreatedAt}
		}
	}
	return true
}

// certified notes a certificate of the peer's: the one that lasts longest counts.
func (p *Peer) certified(until time.Time) {
	if until.After(p.CertificateExpiresAt) {
		p.CertificateExpiresAt = until
	}
}

// Listing lists every peer by the position of its first event.
func (Peers) Listing(p *Peer) Listing {
	return Listing{Keys: map[string]string{byKind: kindPeer}, Rank: int64(p.FirstSequence)}
}

// PeerReader reads the stored [Peers], which may be behind.
type PeerReader struct{ collection documents.Collection }

// NewPeerReader returns a reader of a collection that [Open] opened.
func NewPeerReader(peers documents.Collection) PeerReader { return PeerReader{peers} }

// List returns at most limit private gateways, in the order in which we met them,
// after the one whose first event stands at a sequence; 0 is from the beginning.
func (r PeerReader) List(ctx context.Context, after uint64, limit int) ([]Peer, error) {
	stored, err := r.collection.Find(ctx, documents.Query{Key: byKind, Value: kindPeer, AfterRank: int64(after), Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("projections: list peers: %w", err)
	}
	peers := make([]Peer, len(stored))
	for i, d := range stored {
		e, err := decode[Peer](d)
		if err != nil {
			return nil, err
		}
		peers[i] = e.state
	}
	return peers, nil
}

// Get returns what is known of a private gateway; documents.ErrNotFound if
// nothing is.
func (r PeerReader) Get(ctx context.Context, gatewayID string) (Peer, error) {
	d, err := r.collection.Get(ctx, gatewayID)
	if errors.Is(err, documents.ErrNotFound) {
		return Peer{}, err
	}
	if err != nil {
		return Peer{}, fmt.Errorf("projections: read a peer: %w", err)
	}
	e, err := decode[Peer](d)
	if err != nil {
		return Peer{}, err
	}
	return e.state, nil
}
