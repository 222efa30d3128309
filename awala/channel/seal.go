package channel

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// ErrNoPeerKey: the peer has given the node no session key yet.
var ErrNoPeerKey = errors.New("channel: peer without session key")

// ErrTooLong: the plaintext is longer than [ramf.MaxPlaintextLen].
var ErrTooLong = errors.New("channel: plaintext too long")

// Seal encrypts plaintext from one of our nodes to a peer, with the newest key
// that the peer has given to the node. The result is the payload of a RAMF
// message.
//
// It makes a new session key for the peer to answer with, and stores it, bound
// to the peer, before it returns: what was sealed can be answered even if the
// process ends at once. A failed call may leave such a key behind, which does no
// harm. An error wraps ErrNoPeerKey or ErrTooLong, or is a port's own.
func Seal(ctx context.Context, plaintext []byte, nodeID, peerID string, keys Keys, peers PeerKeys) ([]byte, error) {
	if len(plaintext) > ramf.MaxPlaintextLen {
		return nil, fmt.Errorf("%w: %d octets", ErrTooLong, len(plaintext))
	}
	recipient, err := peers.PeerKey(ctx, nodeID, peerID)
	if errors.Is(err, ErrKeyNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNoPeerKey, peerID)
	}
	if err != nil {
		return nil, err
	}
	originator, err := pki.GenerateSessionKey()
	if err != nil {
		return nil, fmt.Errorf("channel: seal: %w", err)
	}
	if err := keys.SaveSessionKey(ctx, nodeID, peerID, originator); err != nil {
		return nil, err
	}
	payload, err := cms.Encrypt(plaintext, recipient.SessionPublicKey, originator)
	if err != nil {
		return nil, fmt.Errorf("channel: seal: %w", err)
	}
	return payload, nil
}
