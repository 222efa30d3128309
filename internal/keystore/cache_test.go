package keystore

import (
	"crypto/rsa"
	"fmt"
	"testing"
)

func TestIdentityCacheIsBounded(t *testing.T) {
	var c identityCache
	for i := range 10 * maxCachedIdentities {
		id, key := fmt.Sprint(i), new(rsa.PrivateKey)
		c.put(id, key)
		if c.get(id) != key {
			t.Fatalf("key %d is not there", i)
		}
	}
	if len(c.keys) != maxCachedIdentities {
		t.Errorf("%d keys", len(c.keys))
	}
}
