package keystore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/internal/durable/durabletest"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
)

// counted counts the reads of the store underneath.
type counted struct {
	keystore.Secrets
	gets atomic.Int64
}

func (c *counted) Get(ctx context.Context, path string) (keystore.Record, error) {
	c.gets.Add(1)
	return c.Secrets.Get(ctx, path)
}

func open(t *testing.T) *counted {
	t.Helper()
	store, err := sealed.Open("/keys", sealed.Options{FS: durabletest.NewDisk()})
	if err != nil {
		t.Fatal(err)
	}
	return &counted{Secrets: store}
}

func put(t *testing.T, secrets keystore.Secrets, path string, r keystore.Record) {
	t.Helper()
	if err := secrets.Put(t.Context(), path, r); err != nil {
		t.Fatal(err)
	}
}

func TestIdentityKeysAreFetchedOnce(t *testing.T) {
	secrets := open(t)
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	id, err := keystore.New(secrets).SaveIdentityKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	keys := keystore.New(secrets)
	for range 3 {
		if _, err := keys.IdentityKey(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if got := secrets.gets.Load(); got != 1 {
		t.Errorf("%d reads", got)
	}
}

// A key that is not there yet is asked for again, because an operator may put
// it there.
func TestMissingIdentityKeysAreNotCached(t *testing.T) {
	secrets := open(t)
	keys := keystore.New(secrets)
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	id, err := pki.NodeID(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.IdentityKey(t.Context(), id); !errors.Is(err, keystore.ErrNotFound) {
		t.Fatalf("IdentityKey() error is %v", err)
	}
	if _, err := keystore.New(secrets).SaveIdentityKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.IdentityKey(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestCorruptRecords(t *testing.T) {
	const node = "0abc"
	id := []byte{1, 2}
	session, err := pki.GenerateSessionKey()
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := session.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good, junk := base64.StdEncoding.EncodeToString(pkcs8), base64.StdEncoding.EncodeToString([]byte("junk"))
	tests := []struct {
		path string
		r    keystore.Record
	}{
		{"i-" + node, keystore.Record{"other": "field"}},
		{"i-" + node, keystore.Record{"privateKey": "not base64"}},
		{"i-" + node, keystore.Record{"privateKey": junk}},
		{"i-" + node, keystore.Record{"privateKey": good}},
		{"s-0102", keystore.Record{"privateKey": good}},
		{"s-0102", keystore.Record{"nodeId": node}},
		{"s-0102", keystore.Record{"nodeId": node, "privateKey": junk}},
		{"s-node-" + node, keystore.Record{"privateKey": good}},
		{"s-node-" + node, keystore.Record{"privateKey": good, "keyId": "xyz"}},
		{"s-node-" + node, keystore.Record{"keyId": "0102"}},
	}
	for i, tc := range tests {
		t.Run(fmt.Sprint(i, tc.path), func(t *testing.T) {
			secrets := open(t)
			put(t, secrets, tc.path, tc.r)
			keys := keystore.New(secrets)
			var err error
			switch tc.path[:3] {
			case "i-0":
				_, err = keys.IdentityKey(t.Context(), node)
			case "s-0":
				_, err = keys.SessionKey(t.Context(), node, id, "peer")
			default:
				_, err = keys.InitialSessionKey(t.Context(), node)
			}
			if !errors.Is(err, keystore.ErrCorrupt) || !fault.IsPermanent(err) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// The identity key of another node under a node's path is not handed out.
func TestIdentityKeyOfAnotherNode(t *testing.T) {
	secrets := open(t)
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	id, err := keystore.New(secrets).SaveIdentityKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := secrets.Get(t.Context(), "i-"+id)
	if err != nil {
		t.Fatal(err)
	}
	put(t, secrets, "i-0abc", r)
	if _, err := keystore.New(secrets).IdentityKey(t.Context(), "0abc"); !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("IdentityKey() error is %v", err)
	}
}

// The layout is the reference implementation's, name for name.
func TestLayout(t *testing.T) {
	secrets := open(t)
	keys := keystore.New(secrets)
	session, err := pki.GenerateSessionKey()
	if err != nil {
		t.Fatal(err)
	}
	session.ID = []byte{0xab, 0x01}
	pkcs8, err := session.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(pkcs8)
	check := func(path string, want keystore.Record) {
		t.Helper()
		got, err := secrets.Get(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if bound := got["peerId"] != ""; bound {
			if _, err := time.Parse(time.RFC3339Nano, got["createdAt"]); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			delete(got, "createdAt") // what the reference does not have
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if err := keys.SaveSessionKey(t.Context(), "0abc", "", session); err != nil {
		t.Fatal(err)
	}
	check("s-ab01", keystore.Record{"privateKey": encoded, "nodeId": "0abc"})
	check("s-node-0abc", keystore.Record{"privateKey": encoded, "keyId": "ab01"})
	if err := keys.SaveSessionKey(t.Context(), "0abc", "0def", session); err != nil {
		t.Fatal(err)
	}
	check("s-ab01", keystore.Record{"privateKey": encoded, "nodeId": "0abc", "peerId": "0def"})
}

func TestBoundSessionKeys(t *testing.T) {
	secrets := open(t)
	keys := keystore.New(secrets)
	save := func(nodeID, peerID string) []byte {
		t.Helper()
		key, err := pki.GenerateSessionKey()
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.SaveSessionKey(t.Context(), nodeID, peerID, key); err != nil {
			t.Fatal(err)
		}
		return key.ID
	}
	save("0abc", "")
	save("0fff", "0def")
	want := save("0abc", "0def")
	if err := secrets.Put(t.Context(), "s-0102", keystore.Record{"nodeId": "0abc", "peerId": "0123", "privateKey": "x"}); err != nil {
		t.Fatal(err)
	}
	found := map[string]keystore.BoundKey{}
	err := keys.BoundSessionKeys(t.Context(), "0abc", func(k keystore.BoundKey) error {
		found[k.PeerID] = k
		return nil
	})
	if err != nil || len(found) != 2 {
		t.Fatalf("found %v, %v", found, err)
	}
	if k := found["0def"]; !bytes.Equal(k.ID, want) || time.Since(k.CreatedAt) > time.Minute {
		t.Errorf("found %+v, want the key %x", k, want)
	}
	if k := found["0123"]; !k.CreatedAt.IsZero() {
		t.Errorf("a key without a date is from %v", k.CreatedAt)
	}
	failure := errors.New("failure")
	if err := keys.BoundSessionKeys(t.Context(), "0abc", func(keystore.BoundKey) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}
