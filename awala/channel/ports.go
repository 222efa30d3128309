package channel

import (
	"context"
	"errors"
	"time"

	"awala.network/gateway/awala/pki"
)

// ErrKeyNotFound is what a port returns, wrapped or not, when it is certain that
// there is no such key. Anything else that a port returns counts as an outage.
var ErrKeyNotFound = errors.New("channel: session key not found")

// Keys holds the private session keys of our nodes. It must be safe for
// concurrent use.
type Keys interface {
	// SessionKey finds the private key with the given id if it belongs to the
	// node and is bound either to the peer or to nobody. If not, the error is
	// ErrKeyNotFound.
	SessionKey(ctx context.Context, nodeID string, keyID []byte, peerID string) (pki.SessionKey, error)
	// SaveSessionKey stores a key pair of the node, bound to the peer, or to
	// nobody if peerID is "". It is durable on return.
	SaveSessionKey(ctx context.Context, nodeID, peerID string, key pki.SessionKey) error
}

// PeerKeys holds the newest public session key that each of our nodes has learnt
// of each peer. It must be safe for concurrent use.
type PeerKeys interface {
	// PeerKey returns what was saved last for the node and the peer, or
	// ErrKeyNotFound.
	PeerKey(ctx context.Context, nodeID, peerID string) (PeerKey, error)
	// SavePeerKey replaces the peer's key, unless the stored one is of the same
	// or a later date: then it does nothing. Comparing and replacing are one
	// step, so that of two messages opened at once the later one's key stays.
	SavePeerKey(ctx context.Context, nodeID, peerID string, key PeerKey) error
}

// PeerKey is a public session key of a peer.
type PeerKey struct {
	pki.SessionPublicKey
	// CreatedAt is the creation date of the message that the key came in.
	CreatedAt time.Time
}

// Supersedes tells whether k is to replace the stored key: its message must have
// been created strictly later.
func (k PeerKey) Supersedes(stored PeerKey) bool { return k.CreatedAt.After(stored.CreatedAt) }
