package pki

import (
	"crypto/sha256"
	"time"
)

// SignatureCache remembers which certificates were found to be signed by which
// others, so that paths with common issuers cost one signature check instead of
// one for each certificate. It says nothing about dates, names, authority or
// trust, which are checked every time. It is bounded, entries expire, and it is
// safe for concurrent use.
type SignatureCache struct {
	verified *lru[signaturePair, time.Time] // to the instant of expiry
	ttl      time.Duration
	now      func() time.Time
}

// signaturePair identifies both certificates by the digest of all their octets:
// another signature or another key under the same name is another pair.
type signaturePair struct {
	child, issuer [sha256.Size]byte
}

// NewSignatureCache makes a cache of at most maxEntries pairs of certificates, each
// remembered for ttl.
func NewSignatureCache(maxEntries int, ttl time.Duration) *SignatureCache {
	return &SignatureCache{verified: newLRU[signaturePair, time.Time](maxEntries), ttl: ttl, now: time.Now}
}

// Len returns the number of pairs remembered, expired ones included.
func (s *SignatureCache) Len() int { return s.verified.len() }

// check is child.CheckSignatureFrom(issuer), remembered if nil. A nil cache
// remembers nothing.
func (s *SignatureCache) check(child, issuer *Certificate) error {
	if s == nil {
		return child.CheckSignatureFrom(issuer)
	}
	pair := signaturePair{child: child.digest, issuer: issuer.digest}
	if expiry, ok := s.verified.get(pair); ok {
		if s.now().Before(expiry) {
			return nil
		}
		s.verified.remove(pair)
	}
	if err := child.CheckSignatureFrom(issuer); err != nil {
		return err
	}
	s.verified.put(pair, s.now().Add(s.ttl))
	return nil
}
