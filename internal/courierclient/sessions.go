package courierclient

import (
	"context"
	"sync"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
)

// sessions keeps the keys of one session in memory: the ports of package channel
// for a node with one peer.
type sessions struct {
	mu   sync.Mutex
	own  map[string]pki.SessionKey
	peer channel.PeerKey
}

func newSessions() *sessions { return &sessions{own: map[string]pki.SessionKey{}} }

// SessionKey implements [channel.Keys].
func (s *sessions) SessionKey(_ context.Context, _ string, keyID []byte, _ string) (pki.SessionKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.own[string(keyID)]
	if !ok {
		return pki.SessionKey{}, channel.ErrKeyNotFound
	}
	return key, nil
}

// SaveSessionKey implements [channel.Keys].
func (s *sessions) SaveSessionKey(_ context.Context, _, _ string, key pki.SessionKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own[string(key.ID)] = key
	return nil
}

// PeerKey implements [channel.PeerKeys].
func (s *sessions) PeerKey(context.Context, string, string) (channel.PeerKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peer, nil
}

// SavePeerKey implements [channel.PeerKeys].
func (s *sessions) SavePeerKey(_ context.Context, _, _ string, key channel.PeerKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key.Supersedes(s.peer) {
		s.peer = key
	}
	return nil
}
