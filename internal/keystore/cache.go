package keystore

import (
	"crypto/rsa"
	"sync"
)

// maxCachedIdentities bounds the identity keys in memory. A gateway has one, or
// a few while it moves from one to the next.
const maxCachedIdentities = 16

// identityCache keeps identity keys by node id. The zero value is empty.
type identityCache struct {
	mu   sync.RWMutex
	keys map[string]*rsa.PrivateKey // guarded by mu
}

func (c *identityCache) get(nodeID string) *rsa.PrivateKey {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.keys[nodeID]
}

// put keeps the key, in place of any other one when there is no room.
func (c *identityCache) put(nodeID string, key *rsa.PrivateKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = make(map[string]*rsa.PrivateKey, maxCachedIdentities)
	}
	for other := range c.keys {
		if len(c.keys) < maxCachedIdentities {
			break
		}
		delete(c.keys, other)
	}
	c.keys[nodeID] = key
}
