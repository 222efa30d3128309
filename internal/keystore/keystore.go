// Package keystore keeps the gateway's private keys: RSA identity keys (RS-002)
// and ECDH session keys (RS-003).
//
// Keys gives them meaning (which key, whose, for which peer); a Secrets store
// underneath keeps them: keystore/vault in production, keystore/sealed on one
// machine. Both run the same suite, keystore/keystoretest.
//
// The records are those of the reference implementation's Vault store, so that
// a gateway can take over its key store as it is:
//
//	i-<node id>       privateKey                   identity key
//	s-<key id hex>    privateKey, nodeId, peerId   session key; no peerId: unbound
//	s-node-<node id>  privateKey, keyId            latest unbound session key
//
// to which this implementation adds
//
//	s-<key id hex>    createdAt                    when a bound session key was saved
//	e-<key hash>      noteKey                      signs checkpoints of the history
//	n-<hash of id>    pseudonym, gatewayId, nameKey, forgetting: a private gateway's name in the history
//	p-<pseudonym>     the same, by pseudonym
//	f-<pseudonym>     forgottenAt                  its key was destroyed
//	j-<pseudonym>     gatewayId, ...               it is being forgotten
//
// where privateKey is base64 of PKCS#8 and keyId is hexadecimal. The latest
// unbound session key is stored twice: by node, because that is how it is
// offered to new peers, and by key id, because that is how messages name it.
package keystore

import (
	"context"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"time"

	"awala.network/gateway/awala/pki"
)

// MaxKeyIDLen is the greatest length of a session key id in octets. Ids are
// opaque (RS-003); real ones have 8 octets.
const MaxKeyIDLen = 64

// Keys reads and writes private keys. Make one with New; its methods may be
// called concurrently.
//
// Its errors are ErrNotFound, ErrCorrupt and ErrInvalid, which are permanent,
// and the transient errors of the Secrets store.
type Keys struct {
	secrets    Secrets
	identities identityCache
}

// New returns the keys that secrets holds.
func New(secrets Secrets) *Keys { return &Keys{secrets: secrets} }

// IdentityKey returns the identity key of the node. The same *rsa.PrivateKey is
// handed to all callers, who must not change it; it is fetched once and then
// kept, because identity keys never change.
func (k *Keys) IdentityKey(ctx context.Context, nodeID string) (*rsa.PrivateKey, error) {
	if key := k.identities.get(nodeID); key != nil {
		return key, nil
	}
	r, err := k.read(ctx, identityPath(nodeID))
	if err != nil {
		return nil, fmt.Errorf("identity key of %s: %w", nodeID, err)
	}
	key, err := r.identityKey(nodeID)
	if err != nil {
		return nil, fmt.Errorf("identity key of %s: %w", nodeID, err)
	}
	k.identities.put(nodeID, key)
	return key, nil
}

// SaveIdentityKey stores the key under the id of the node that it makes
// (RS-000), and returns that id. When it returns nil the key is durable.
func (k *Keys) SaveIdentityKey(ctx context.Context, key *rsa.PrivateKey) (nodeID string, err error) {
	nodeID, r, err := newIdentityRecord(key)
	if err != nil {
		return "", err
	}
	if err := k.secrets.Put(ctx, identityPath(nodeID), r); err != nil {
		return "", fmt.Errorf("save identity key of %s: %w", nodeID, err)
	}
	return nodeID, nil
}

// Identities returns the ids of the nodes whose identity keys are stored,
// sorted.
func (k *Keys) Identities(ctx context.Context) ([]string, error) {
	paths, err := k.secrets.List(ctx, identityPrefix)
	if err != nil {
		return nil, fmt.Errorf("list identity keys: %w", err)
	}
	for i, path := range paths {
		paths[i] = strings.TrimPrefix(path, identityPrefix)
	}
	return paths, nil
}

// SessionKey returns the session key that a message names by keyID, if it is
// nodeID's and if it is unbound or bound to peerID, the sender; otherwise
// ErrNotFound.
func (k *Keys) SessionKey(ctx context.Context, nodeID string, keyID []byte, peerID string) (pki.SessionKey, error) {
	r, err := k.sessionRecord(ctx, nodeID, keyID)
	if err != nil {
		return pki.SessionKey{}, err
	}
	if bound := r[fieldPeerID]; bound != "" && bound != peerID {
		return pki.SessionKey{}, fmt.Errorf("session key %x for %s: %w", keyID, peerID, ErrNotFound)
	}
	key, err := r.sessionKey(keyID)
	if err != nil {
		return pki.SessionKey{}, fmt.Errorf("session key %x: %w", keyID, err)
	}
	return key, nil
}

// SaveSessionKey stores a session key of nodeID, bound to peerID unless that is
// empty. An unbound key also becomes nodeID's initial session key. When it
// returns nil the key is durable, so that its public half may be given away.
//
// After an error the key may be stored, but never as the initial session key
// without being found by its id too.
func (k *Keys) SaveSessionKey(ctx context.Context, nodeID, peerID string, key pki.SessionKey) error {
	if nodeID == "" || len(key.ID) == 0 || len(key.ID) > MaxKeyIDLen {
		return fmt.Errorf("%w: session key %x of %q", ErrInvalid, key.ID, nodeID)
	}
	byID, initial, err := newSessionRecords(nodeID, peerID, key)
	if err != nil {
		return err
	}
	if peerID != "" {
		byID[fieldCreatedAt] = time.Now().UTC().Format(time.RFC3339Nano)
	}
	if err := k.secrets.Put(ctx, sessionPath(key.ID), byID); err != nil {
		return fmt.Errorf("save session key %x: %w", key.ID, err)
	}
	if peerID != "" {
		return nil
	}
	if err := k.secrets.Put(ctx, initialPath(nodeID), initial); err != nil {
		return fmt.Errorf("save initial session key %x of %s: %w", key.ID, nodeID, err)
	}
	return nil
}

// InitialSessionKey returns the latest unbound session key of nodeID, which
// connection parameters and handshakes offer to peers without one of their own.
func (k *Keys) InitialSessionKey(ctx context.Context, nodeID string) (pki.SessionKey, error) {
	r, err := k.read(ctx, initialPath(nodeID))
	if err != nil {
		return pki.SessionKey{}, fmt.Errorf("initial session key of %s: %w", nodeID, err)
	}
	key, err := r.initialSessionKey()
	if err != nil {
		return pki.SessionKey{}, fmt.Errorf("initial session key of %s: %w", nodeID, err)
	}
	return key, nil
}

// DeleteSessionKey forgets a session key of nodeID, so that messages encrypted
// to it can no longer be read. It succeeds where there is no such key. It
// refuses, with ErrInvalid, to delete the initial session key, which must be
// superseded first.
func (k *Keys) DeleteSessionKey(ctx context.Context, nodeID string, keyID []byte) error {
	switch initial, err := k.InitialSessionKey(ctx, nodeID); {
	case isNotFound(err):
	case err != nil:
		return err
	case slices.Equal(initial.ID, keyID):
		return fmt.Errorf("%w: %x is the initial session key of %s", ErrInvalid, keyID, nodeID)
	}
	if _, err := k.sessionRecord(ctx, nodeID, keyID); err != nil {
		if isNotFound(err) {
			return nil
		}
		return err
	}
	if err := k.secrets.Delete(ctx, sessionPath(keyID)); err != nil {
		return fmt.Errorf("delete session key %x: %w", keyID, err)
	}
	return nil
}

// sessionRecord returns the record of nodeID's session key, whomever it is
// bound to.
func (k *Keys) sessionRecord(ctx context.Context, nodeID string, keyID []byte) (Record, error) {
	if len(keyID) == 0 || len(keyID) > MaxKeyIDLen {
		return nil, fmt.Errorf("session key id of %d octets: %w", len(keyID), ErrNotFound)
	}
	r, err := k.read(ctx, sessionPath(keyID))
	if err != nil {
		return nil, fmt.Errorf("session key %x: %w", keyID, err)
	}
	if r[fieldNodeID] == "" {
		return nil, fmt.Errorf("session key %x: %w: no owner", keyID, ErrCorrupt)
	}
	if r[fieldNodeID] != nodeID {
		return nil, fmt.Errorf("session key %x of %s: %w", keyID, nodeID, ErrNotFound)
	}
	return r, nil
}

// read returns the record at path; a path that cannot be is not found.
func (k *Keys) read(ctx context.Context, path string) (Record, error) {
	if CheckPath(path) != nil {
		return nil, ErrNotFound
	}
	return k.secrets.Get(ctx, path)
}
