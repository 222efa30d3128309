package keystoretest

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"slices"
	"sync"
	"testing"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
)

// identity returns one RSA key for all tests, because making one is slow.
var identity = sync.OnceValues(pki.GenerateIdentityKey)

func newIdentity(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSession(t *testing.T) pki.SessionKey {
	t.Helper()
	key, err := pki.GenerateSessionKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newNodeID() string { return "0" + randomHex(32) }

func wantNotFound(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, keystore.ErrNotFound) || !fault.IsPermanent(err) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
}

func wantSession(t *testing.T, want, got pki.SessionKey, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(want.ID, got.ID) || !want.Key.Equal(got.Key) {
		t.Errorf("got session key %x, want %x", got.ID, want.ID)
	}
}

func save(t *testing.T, keys *keystore.Keys, nodeID, peerID string) pki.SessionKey {
	t.Helper()
	key := newSession(t)
	if err := keys.SaveSessionKey(t.Context(), nodeID, peerID, key); err != nil {
		t.Fatal(err)
	}
	return key
}

func testIdentityKeys(t *testing.T, s space) {
	key, keys := newIdentity(t), keystore.New(s.Secrets)
	_, err := keys.IdentityKey(t.Context(), newNodeID())
	wantNotFound(t, err)
	_, err = keys.IdentityKey(t.Context(), "../no node id")
	wantNotFound(t, err)
	id, err := keys.SaveIdentityKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := keystore.New(s.Secrets).IdentityKey(t.Context(), id)
		if err != nil || !got.Equal(key) {
			t.Errorf("IdentityKey() error is %v", err)
		}
	}
	ids, err := keys.Identities(t.Context())
	if err != nil || !slices.Contains(ids, id) {
		t.Errorf("Identities() = %v, %v", ids, err)
	}
}

func testSessionKeys(t *testing.T, s space) {
	keys, node, peer := keystore.New(s.Secrets), newNodeID(), newNodeID()
	bound, unbound := save(t, keys, node, peer), save(t, keys, node, "")
	tests := map[string]struct {
		node, peer string
		want       pki.SessionKey
		found      bool
	}{
		"bound, for its peer":    {node, peer, bound, true},
		"bound, for another":     {node, newNodeID(), bound, false},
		"bound, for nobody":      {node, "", bound, false},
		"bound, of another node": {newNodeID(), peer, bound, false},
		"unbound, for anybody":   {node, newNodeID(), unbound, true},
		"unbound, of another":    {newNodeID(), peer, unbound, false},
		"unknown":                {node, peer, newSession(t), false},
		"without id":             {node, peer, pki.SessionKey{}, false},
		"with a huge id":         {node, peer, pki.SessionKey{ID: make([]byte, keystore.MaxKeyIDLen+1)}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := keys.SessionKey(t.Context(), tc.node, tc.want.ID, tc.peer)
			if tc.found {
				wantSession(t, tc.want, got, err)
			} else {
				wantNotFound(t, err)
			}
		})
	}
	if err := keys.SaveSessionKey(t.Context(), node, peer, pki.SessionKey{Key: bound.Key}); !errors.Is(err, keystore.ErrInvalid) {
		t.Errorf("a key without id was saved: %v", err)
	}
	if err := keys.SaveSessionKey(t.Context(), node, peer, pki.SessionKey{ID: bound.ID}); !errors.Is(err, keystore.ErrInvalid) {
		t.Errorf("an id without key was saved: %v", err)
	}
}

func testInitialSessionKeys(t *testing.T, s space) {
	keys, node := keystore.New(s.Secrets), newNodeID()
	_, err := keys.InitialSessionKey(t.Context(), node)
	wantNotFound(t, err)
	save(t, keys, node, newNodeID())
	_, err = keys.InitialSessionKey(t.Context(), node)
	wantNotFound(t, err)
	first := save(t, keys, node, "")
	second := save(t, keys, node, "")
	save(t, keys, newNodeID(), "")
	got, err := keys.InitialSessionKey(t.Context(), node)
	wantSession(t, second, got, err)
	for _, key := range []pki.SessionKey{first, second} {
		got, err := keys.SessionKey(t.Context(), node, key.ID, newNodeID())
		wantSession(t, key, got, err)
	}
}

func testSessionKeyDeletion(t *testing.T, s space) {
	keys, node, peer := keystore.New(s.Secrets), newNodeID(), newNodeID()
	old, initial, bound := save(t, keys, node, ""), save(t, keys, node, ""), save(t, keys, node, peer)
	if err := keys.DeleteSessionKey(t.Context(), newNodeID(), bound.ID); err != nil {
		t.Errorf("deleting another node's key: %v", err)
	}
	got, err := keys.SessionKey(t.Context(), node, bound.ID, peer)
	wantSession(t, bound, got, err)
	for _, key := range []pki.SessionKey{old, old, bound} {
		if err := keys.DeleteSessionKey(t.Context(), node, key.ID); err != nil {
			t.Error(err)
		}
		_, err := keys.SessionKey(t.Context(), node, key.ID, peer)
		wantNotFound(t, err)
	}
	if err := keys.DeleteSessionKey(t.Context(), node, initial.ID); !errors.Is(err, keystore.ErrInvalid) {
		t.Errorf("the initial key was deleted: %v", err)
	}
}

// However saving a session key fails, an initial key that is offered can also
// be found by its id, and saving again mends it.
func testFailedSessionKeys(t *testing.T, s space) {
	for skip := range 2 {
		for _, f := range []Fault{NotStored, Stored} {
			keys, node := keystore.New(s.Secrets), newNodeID()
			key := newSession(t)
			s.FailWrite(f, skip)
			wantTransient(t, keys.SaveSessionKey(t.Context(), node, "", key))
			if initial, err := keys.InitialSessionKey(t.Context(), node); err == nil {
				got, err := keys.SessionKey(t.Context(), node, initial.ID, newNodeID())
				wantSession(t, initial, got, err)
			} else {
				wantNotFound(t, err)
			}
			if err := keys.SaveSessionKey(t.Context(), node, "", key); err != nil {
				t.Fatal(err)
			}
			got, err := keys.InitialSessionKey(t.Context(), node)
			wantSession(t, key, got, err)
		}
	}
}
