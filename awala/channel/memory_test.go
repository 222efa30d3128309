package channel_test

import (
	"context"
	"sync"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
)

// memory is both ports in memory, with faults on demand.
type memory struct {
	mu    sync.Mutex
	keys  map[keyName]pki.SessionKey
	peers map[[2]string]channel.PeerKey

	// failing names the operation that fails: before it took effect, or after.
	failing, failingAfter string
	err                   error
}

type keyName struct{ node, key, peer string }

func newMemory() *memory {
	return &memory{keys: map[keyName]pki.SessionKey{}, peers: map[[2]string]channel.PeerKey{}}
}

func (m *memory) SessionKey(_ context.Context, nodeID string, keyID []byte, peerID string) (pki.SessionKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing == "SessionKey" {
		return pki.SessionKey{}, m.err
	}
	for _, peer := range []string{peerID, ""} {
		if key, ok := m.keys[keyName{nodeID, string(keyID), peer}]; ok {
			return key, nil
		}
	}
	return pki.SessionKey{}, channel.ErrKeyNotFound
}

func (m *memory) SaveSessionKey(_ context.Context, nodeID, peerID string, key pki.SessionKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing == "SaveSessionKey" {
		return m.err
	}
	m.keys[keyName{nodeID, string(key.ID), peerID}] = key
	if m.failingAfter == "SaveSessionKey" {
		return m.err
	}
	return nil
}

func (m *memory) PeerKey(_ context.Context, nodeID, peerID string) (channel.PeerKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing == "PeerKey" {
		return channel.PeerKey{}, m.err
	}
	if key, ok := m.peers[[2]string{nodeID, peerID}]; ok {
		return key, nil
	}
	return channel.PeerKey{}, channel.ErrKeyNotFound
}

func (m *memory) SavePeerKey(_ context.Context, nodeID, peerID string, key channel.PeerKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing == "SavePeerKey" {
		return m.err
	}
	name := [2]string{nodeID, peerID}
	if stored, ok := m.peers[name]; !ok || key.Supersedes(stored) {
		m.peers[name] = key
	}
	if m.failingAfter == "SavePeerKey" {
		return m.err
	}
	return nil
}
