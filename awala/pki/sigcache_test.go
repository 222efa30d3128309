package pki

import (
	"sync"
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
)

func TestSignatureCacheIsBounded(t *testing.T) {
	root := mustIssue(t, IssueInternetGateway, "igw", nil, ownerKey(t, "igw"))
	cache := NewSignatureCache(3, time.Hour)
	for range 5 {
		child := mustIssue(t, IssuePrivateGateway, "pgw", root, ownerKey(t, "igw"))
		if err := cache.check(child, root); err != nil {
			t.Fatal(err)
		}
	}
	if cache.Len() != 3 {
		t.Errorf("%d entries, want 3", cache.Len())
	}
}

func TestSignatureCacheRemembersNoFailure(t *testing.T) {
	root := mustIssue(t, IssueInternetGateway, "igw", nil, ownerKey(t, "igw"))
	forged := forge(t, "epI", root, ownerKey(t, "epI"))
	cache := NewSignatureCache(3, time.Hour)
	for range 2 {
		if cache.check(forged, root) == nil {
			t.Error("forged certificate passed")
		}
	}
	if cache.Len() != 0 {
		t.Errorf("%d entries, want none", cache.Len())
	}
}

func TestSignatureCacheExpires(t *testing.T) {
	root := mustIssue(t, IssueInternetGateway, "igw", nil, ownerKey(t, "igw"))
	child := mustIssue(t, IssuePrivateGateway, "pgw", root, ownerKey(t, "igw"))
	now := vectors.Now
	cache := NewSignatureCache(3, time.Minute)
	cache.now = func() time.Time { return now }
	pair := signaturePair{child: child.digest, issuer: root.digest}
	for _, want := range []time.Time{now.Add(time.Minute), now.Add(2 * time.Minute)} {
		if err := cache.check(child, root); err != nil {
			t.Fatal(err)
		}
		if expiry, _ := cache.verified.get(pair); !expiry.Equal(want) {
			t.Errorf("remembered until %v, want %v", expiry, want)
		}
		now = now.Add(time.Minute) // the very end: expired, so checked again
	}
}

func TestSignatureCacheConcurrently(t *testing.T) {
	leaf, intermediates, root := chain(t)
	v := NewValidator([]*Certificate{root}, NewSignatureCache(2, time.Hour)) // too small on purpose
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				if _, err := v.Path(leaf, intermediates, vectors.Now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestParsedCertificatesAreBounded(t *testing.T) {
	l := newLRU[int, int](2)
	l.put(1, 1)
	l.put(2, 2)
	l.get(1)
	l.put(3, 3)
	if _, ok := l.get(2); ok || l.len() != 2 {
		t.Error("did not forget what was unused for longest")
	}
	l.put(1, 4)
	if got, ok := l.get(1); !ok || got != 4 {
		t.Errorf("got %d, %v", got, ok)
	}
}
