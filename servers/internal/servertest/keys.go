package servertest

import (
	"crypto/rsa"
	"sync"
	"testing"

	"awala.network/gateway/awala/pki"
)

// keys are identity keys that tests use one after another, because making one
// takes longer than most tests.
var keys struct {
	sync.Mutex
	made []*rsa.PrivateKey
	used map[testing.TB]int
}

// NewKey returns an identity key that the test has not got before; other tests
// get the same ones.
func NewKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	keys.Lock()
	defer keys.Unlock()
	if keys.used == nil {
		keys.used = map[testing.TB]int{}
	}
	n := keys.used[tb]
	keys.used[tb]++
	if n == 0 {
		tb.Cleanup(func() {
			keys.Lock()
			defer keys.Unlock()
			delete(keys.used, tb)
		})
	}
	if n == len(keys.made) {
		key, err := pki.GenerateIdentityKey()
		if err != nil {
			tb.Fatal(err)
		}
		keys.made = append(keys.made, key)
	}
	return keys.made[n]
}
