package identity_test

import (
	"log/slog"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/keystore"
)

// TestTakeOver makes another gateway's identity ours, whichever write goes wrong first.
func TestTakeOver(t *testing.T) {
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, stored := range []bool{false, true} {
		for n := 0; ; n++ {
			w := newWorld(t)
			nodeID, err := keystore.New(w.secrets).SaveIdentityKey(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			var own []*pki.Certificate
			for _, days := range []int{100, 50} {
				c, err := pki.IssueInternetGateway(pki.IssueRequest{
					Subject: &key.PublicKey, IssuerKey: key, NotBefore: w.now.AddDate(0, 0, -days), NotAfter: w.now.AddDate(0, 0, 360-days),
				})
				if err != nil {
					t.Fatal(err)
				}
				own = append(own, c)
			}
			deps := identity.Deps{
				Keys: keystore.New(w.secrets), Log: w.log, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
			}
			w.breaker.n, w.breaker.stored, w.breaker.reached = n, stored, false
			_, broken := identity.TakeOver(t.Context(), deps, nodeID, address, own)
			reached := w.breaker.reached
			w.breaker.n = 0 // what follows goes well
			if (broken != nil) != reached {
				t.Fatalf("write %d: %v", n, broken)
			}
			if _, err := identity.TakeOver(t.Context(), deps, nodeID, address, own); err != nil {
				t.Fatal(err)
			}
			if id, have, err := identity.Certificates(t.Context(), w.log); err != nil || id != nodeID || len(have) != len(own) {
				t.Errorf("write %d: node %s with %d certificates, %v", n, id, len(have), err)
			}
			if i := w.mustStart(t); i.NodeID() != nodeID {
				t.Errorf("it starts as %s", i.NodeID())
			}
			if _, err := identity.TakeOver(t.Context(), deps, nodeID, "another.example", own); !fault.IsFatal(err) {
				t.Errorf("with another address: %v", err)
			}
			if n > 0 && !reached {
				break
			}
		}
	}
}

// TestTakeOverRefused needs the key, and keeps an identity that there is.
func TestTakeOverRefused(t *testing.T) {
	w := newWorld(t)
	deps := identity.Deps{Keys: keystore.New(w.secrets), Log: w.log, Logger: slog.New(slog.DiscardHandler)}
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	nodeID, err := pki.NodeID(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.TakeOver(t.Context(), deps, nodeID, address, nil); err == nil {
		t.Error("without the key it is taken over")
	}
	before := w.mustStart(t).NodeID()
	if _, err := keystore.New(w.secrets).SaveIdentityKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.TakeOver(t.Context(), deps, nodeID, address, nil); !fault.IsFatal(err) {
		t.Errorf("over another identity: %v", err)
	}
	if after := w.mustStart(t).NodeID(); after != before {
		t.Errorf("the identity became %s", after)
	}
}
