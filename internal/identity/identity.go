package identity

import (
	"context"
	"crypto"
	"crypto/rsa"
	"sync"
	"sync/atomic"
	"time"

	"awala.network/gateway/awala/pki"
)

// Bounds of the cache of verified issuer signatures, which every validator of an
// identity shares: some 100 octets each, and a bad entry would need a broken
// RSA signature anyway.
const (
	signatureCacheEntries = 50_000
	signatureCacheLife    = 24 * time.Hour
)

// Identity is this gateway's identity. Its methods may be called concurrently.
type Identity struct {
	deps       Deps
	key        *rsa.PrivateKey
	signatures *pki.SignatureCache

	refreshing sync.Mutex // serialises Refresh
	current    atomic.Pointer[state]
	validator  atomic.Pointer[pki.Validator]

	sessionLock sync.Mutex
	session     *pki.SessionKey // the initial session key, once fetched
}

// NodeID is the gateway's id.
func (i *Identity) NodeID() string { return i.current.Load().nodeID }

// InternetAddress is the name by which the gateway is known, as it was recorded:
// lowercase, without a trailing dot.
func (i *Identity) InternetAddress() string { return i.current.Load().address }

// Key is the identity key.
func (i *Identity) Key() crypto.Signer { return i.key }

// Certificate is the own certificate that expires last: the one to sign with and
// to hand out.
func (i *Identity) Certificate() *pki.Certificate { return i.current.Load().certificates[0] }

// Validator trusts every own certificate; expired ones vouch for nothing, since
// a path is checked at an instant. It is the same one until a certificate is
// issued, and all share a cache of verified signatures.
func (i *Identity) Validator() *pki.Validator { return i.validator.Load() }

// InitialSessionKey returns the unbound session key that peers without a key of
// their own start with (RS-003). It is fetched once.
func (i *Identity) InitialSessionKey(ctx context.Context) (pki.SessionKey, error) {
	i.sessionLock.Lock()
	defer i.sessionLock.Unlock()
	if i.session != nil {
		return *i.session, nil
	}
	key, err := i.deps.Keys.InitialSessionKey(ctx, i.NodeID())
	if err != nil {
		return pki.SessionKey{}, err
	}
	i.session = &key
	return key, nil
}

// adopt makes s the current state.
func (i *Identity) adopt(s state) {
	i.current.Store(&s)
	i.validator.Store(pki.NewValidator(s.certificates, i.signatures))
}
