package keystore

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"awala.network/gateway/awala/pki"
)

// Paths.
const (
	identityPrefix = "i-"
	sessionPrefix  = "s-"
	initialPrefix  = "s-node-"
)

// Names of fields.
const (
	fieldPrivateKey = "privateKey" // base64 of PKCS#8
	fieldNodeID     = "nodeId"
	fieldPeerID     = "peerId"
	fieldKeyID      = "keyId"     // hexadecimal
	fieldCreatedAt  = "createdAt" // RFC 3339
)

func identityPath(nodeID string) string { return identityPrefix + nodeID }
func initialPath(nodeID string) string  { return initialPrefix + nodeID }
func sessionPath(keyID []byte) string   { return sessionPrefix + hex.EncodeToString(keyID) }

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func newIdentityRecord(key *rsa.PrivateKey) (nodeID string, r Record, err error) {
	pkcs8, err := pki.MarshalPrivateKey(key)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if nodeID, err = pki.NodeID(&key.PublicKey); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nodeID, Record{fieldPrivateKey: base64.StdEncoding.EncodeToString(pkcs8)}, nil
}

// newSessionRecords returns the record of the key by its id and, for when the
// key is unbound, the record of nodeID's initial session key.
func newSessionRecords(nodeID, peerID string, key pki.SessionKey) (byID, initial Record, err error) {
	pkcs8, err := key.Marshal()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	encoded := base64.StdEncoding.EncodeToString(pkcs8)
	byID = Record{fieldPrivateKey: encoded, fieldNodeID: nodeID}
	if peerID != "" {
		byID[fieldPeerID] = peerID
	}
	initial = Record{fieldPrivateKey: encoded, fieldKeyID: hex.EncodeToString(key.ID)}
	return byID, initial, nil
}

// identityKey returns the key of an identity record, which must make the node
// id that its path promises.
func (r Record) identityKey(nodeID string) (*rsa.PrivateKey, error) {
	pkcs8, err := r.privateKey()
	if err != nil {
		return nil, err
	}
	key, err := pki.ParsePrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if id, err := pki.NodeID(&key.PublicKey); err != nil || id != nodeID {
		return nil, fmt.Errorf("%w: it is the key of %s", ErrCorrupt, id)
	}
	return key, nil
}

func (r Record) sessionKey(id []byte) (pki.SessionKey, error) {
	pkcs8, err := r.privateKey()
	if err != nil {
		return pki.SessionKey{}, err
	}
	key, err := pki.ParseSessionKey(bytes.Clone(id), pkcs8)
	if err != nil {
		return pki.SessionKey{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return key, nil
}

func (r Record) initialSessionKey() (pki.SessionKey, error) {
	id, err := hex.DecodeString(r[fieldKeyID])
	if err != nil || len(id) == 0 {
		return pki.SessionKey{}, fmt.Errorf("%w: key id %q", ErrCorrupt, r[fieldKeyID])
	}
	return r.sessionKey(id)
}

func (r Record) privateKey() ([]byte, error) {
	pkcs8, err := base64.StdEncoding.DecodeString(r[fieldPrivateKey])
	if err != nil || len(pkcs8) == 0 {
		return nil, fmt.Errorf("%w: no private key in base64", ErrCorrupt)
	}
	return pkcs8, nil
}
