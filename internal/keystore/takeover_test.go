package keystore_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
)

func openStore(t *testing.T) *sealed.Store {
	t.Helper()
	store, err := sealed.Open(filepath.Join(t.TempDir(), "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestFormerRecords copies every kind of key, and finds them by the ways of this store.
func TestFormerRecords(t *testing.T) {
	theirs, ours := openStore(t), openStore(t)
	node, bound, unbound := fill(t, theirs)
	kinds := map[keystore.Kind]int{}
	paths, err := theirs.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		record, err := keystore.ReadFormer(t.Context(), theirs, path)
		if err != nil {
			t.Fatal(err)
		}
		kinds[record.Kind]++
		if held, err := record.HeldBy(t.Context(), ours); held || err != nil {
			t.Errorf("%s is held before: %t, %v", path, held, err)
		}
		if err := record.PutInto(t.Context(), ours); err != nil {
			t.Fatal(err)
		}
		for _, store := range []keystore.Secrets{ours, theirs} {
			if held, err := record.HeldBy(t.Context(), store); !held || err != nil {
				t.Errorf("%s is not held afterwards: %t, %v", path, held, err)
			}
		}
	}
	for _, kind := range []keystore.Kind{keystore.KindIdentity, keystore.KindBound, keystore.KindUnbound, keystore.KindInitial} {
		if kinds[kind] != 1 {
			t.Errorf("%d of the kind %s", kinds[kind], kind)
		}
	}
	keys := keystore.New(ours)
	if _, err := keys.SessionKey(t.Context(), node, bound.ID, "peer"); err != nil {
		t.Error(err)
	}
	if initial, err := keys.InitialSessionKey(t.Context(), node); err != nil || string(initial.ID) != string(unbound.ID) {
		t.Errorf("the initial session key is %x, %v", initial.ID, err)
	}
	dated := 0
	err = keys.BoundSessionKeys(t.Context(), node, func(k keystore.BoundKey) error {
		if !k.CreatedAt.IsZero() {
			dated++
		}
		return nil
	})
	if err != nil || dated > 0 {
		t.Errorf("%d keys have a date, %v", dated, err)
	}
}

func fill(t *testing.T, store keystore.Secrets) (node string, bound, unbound pki.SessionKey) {
	t.Helper()
	identityKey, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := keystore.New(store)
	if node, err = keys.SaveIdentityKey(t.Context(), identityKey); err != nil {
		t.Fatal(err)
	}
	for peer, key := range map[string]*pki.SessionKey{"peer": &bound, "": &unbound} {
		if *key, err = pki.GenerateSessionKey(); err != nil {
			t.Fatal(err)
		}
		if err := keys.SaveSessionKey(t.Context(), node, peer, *key); err != nil {
			t.Fatal(err)
		}
	}
	return node, bound, unbound
}

func TestFormerRecordsThatAreNone(t *testing.T) {
	store := openStore(t)
	_, _, _ = fill(t, store)
	for path, record := range map[string]keystore.Record{
		"i-0123":      {"privateKey": "bm90aGluZw=="},
		"s-0123":      {"privateKey": "bm90aGluZw==", "nodeId": "n"},
		"s-012":       {"privateKey": "bm90aGluZw==", "nodeId": "n"},
		"s-4567":      {"privateKey": ""},
		"s-node-0123": {"privateKey": "bm90aGluZw==", "keyId": "zz"},
		"other":       {"a": "b"},
	} {
		if err := store.Put(t.Context(), path, record); err != nil {
			t.Fatal(err)
		}
		if _, err := keystore.ReadFormer(t.Context(), store, path); !errors.Is(err, keystore.ErrCorrupt) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := keystore.ReadFormer(context.Background(), store, "i-none"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("a record that is not there: %v", err)
	}
}

// TestAnotherRecordInItsPlace does not take a key for another.
func TestAnotherRecordInItsPlace(t *testing.T) {
	theirs, ours := openStore(t), openStore(t)
	node, _, _ := fill(t, theirs)
	record, err := keystore.ReadFormer(t.Context(), theirs, "i-"+node)
	if err != nil {
		t.Fatal(err)
	}
	if err := ours.Put(t.Context(), "i-"+node, keystore.Record{"privateKey": "other"}); err != nil {
		t.Fatal(err)
	}
	if _, err := record.HeldBy(t.Context(), ours); !errors.Is(err, keystore.ErrOther) {
		t.Errorf("HeldBy() = %v", err)
	}
}
