package channel

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// The ways in which a payload is refused for good.
var (
	// ErrUnknownKey: the payload is encrypted to a key that the recipient does
	// not have, or that is bound to another peer.
	ErrUnknownKey = errors.New("channel: payload encrypted to an unknown key")
	// ErrUndecryptable: the payload is no session EnvelopedData, or does not
	// open with the key that it names.
	ErrUndecryptable = errors.New("channel: undecryptable payload")
)

// IsFinal tells whether err is about what was to be opened or sealed, so that
// trying again with the same makes no sense. Other errors come from the ports.
// ErrNoPeerKey is final until the peer writes to the node.
func IsFinal(err error) bool {
	for _, final := range []error{ErrUnknownKey, ErrUndecryptable, ErrNoPeerKey, ErrTooLong} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// Open decrypts the payload of a message to one of our nodes and remembers the
// sender's session key if the message is the newest so far.
//
// The caller must have authorised the message (see [ramf.Message.Authorize]):
// whoever can have a key remembered can read what is sealed from then on. An
// error wraps ErrUnknownKey or ErrUndecryptable, or is a port's own. If only
// remembering fails there is no plaintext either, so that trying again does both.
func Open(ctx context.Context, msg *ramf.Message, keys Keys, peers PeerKeys) ([]byte, error) {
	envelope, err := cms.ParseEnveloped(msg.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecryptable, err)
	}
	key, err := findKey(ctx, msg, envelope.RecipientKeyID(), keys)
	if err != nil {
		return nil, err
	}
	plaintext, err := envelope.Decrypt(key.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUndecryptable, err)
	}
	learnt := PeerKey{SessionPublicKey: envelope.OriginatorKey(), CreatedAt: msg.CreatedAt}
	if err := remember(ctx, msg, learnt, peers); err != nil {
		return nil, err
	}
	return plaintext, nil
}

// findKey looks up the private key that the payload is encrypted to.
func findKey(ctx context.Context, msg *ramf.Message, keyID []byte, keys Keys) (pki.SessionKey, error) {
	key, err := keys.SessionKey(ctx, msg.Recipient.ID, keyID, msg.SenderID())
	if errors.Is(err, ErrKeyNotFound) {
		return pki.SessionKey{}, fmt.Errorf("%w: id %x", ErrUnknownKey, keyID)
	}
	return key, err
}

// remember saves the sender's key if it supersedes the stored one. The look-up
// spares a write for every message that is opened twice or late.
func remember(ctx context.Context, msg *ramf.Message, learnt PeerKey, peers PeerKeys) error {
	stored, err := peers.PeerKey(ctx, msg.Recipient.ID, msg.SenderID())
	switch {
	case err == nil && !learnt.Supersedes(stored):
		return nil
	case err != nil && !errors.Is(err, ErrKeyNotFound):
		return err
	}
	return peers.SavePeerKey(ctx, msg.Recipient.ID, msg.SenderID(), learnt)
}
