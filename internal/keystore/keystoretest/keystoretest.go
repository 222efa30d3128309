// Package keystoretest is the conformance suite of keystore.Secrets, and of
// keystore.Keys on top of it: every backend runs it.
package keystoretest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
)

// Fault is one way for a write to fail.
type Fault int

// The fault pair.
const (
	// NotStored means that the write fails and changes nothing.
	NotStored Fault = iota
	// Stored means that the write takes effect and fails nevertheless, as when
	// the answer is lost.
	Stored
)

func (f Fault) String() string {
	if f == Stored {
		return "failed but stored"
	}
	return "failed and not stored"
}

// Subject is a backend under test.
type Subject struct {
	keystore.Secrets
	// FailWrite makes a Put, Create or Delete fail in the given way, after letting skip
	// others through.
	FailWrite func(f Fault, skip int)
}

// Run tests the backends that open returns. They may share their records with
// one another and with others: every test uses paths of its own.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	tests := []struct {
		name string
		run  func(*testing.T, space)
	}{
		{"round trip", testRoundTrip},
		{"replace", testReplace},
		{"not found", testNotFound},
		{"create", testCreate},
		{"create at once", testCreateAtOnce},
		{"delete", testDelete},
		{"list", testList},
		{"invalid arguments", testInvalid},
		{"cancelled", testCancelled},
		{"concurrent replace", testConcurrent},
		{"fault pairs", testFaultPairs},
		{"identity keys", testIdentityKeys},
		{"session keys", testSessionKeys},
		{"initial session keys", testInitialSessionKeys},
		{"session key deletion", testSessionKeyDeletion},
		{"failed session keys", testFailedSessionKeys},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			tc.run(t, space{open(t), "t-" + randomHex(12) + "-"})
		})
	}
}

// space is a subject with a part of the paths that is a test's own.
type space struct {
	Subject
	root string
}

func randomHex(octets int) string {
	b := make([]byte, octets)
	rand.Read(b) // never fails, by its contract
	return hex.EncodeToString(b)
}

func (s space) put(t *testing.T, path string, r keystore.Record) {
	t.Helper()
	if err := s.Put(t.Context(), path, r); err != nil {
		t.Fatalf("Put(%s): %v", path, err)
	}
}

func (s space) want(t *testing.T, path string, want keystore.Record) {
	t.Helper()
	got, err := s.Get(t.Context(), path)
	if want == nil {
		if !errors.Is(err, keystore.ErrNotFound) || !fault.IsPermanent(err) {
			t.Fatalf("Get(%s) error is %v, want ErrNotFound", path, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("Get(%s): %v", path, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Get(%s) (-want +got):\n%s", path, diff)
	}
}

func testRoundTrip(t *testing.T, s space) {
	for name, r := range map[string]keystore.Record{
		"one":   {"privateKey": "AAECAw=="},
		"some":  {"privateKey": "AA==", "nodeId": "0abc", "peerId": "0def"},
		"empty": {"field": ""},
		"text":  {"päth/ \"quoted\" <&>": "line\nline\u2028\x00"},
		"large": {"a": strings.Repeat("x", keystore.MaxRecordLen-1)},
	} {
		s.put(t, s.root+name, r)
		s.want(t, s.root+name, r)
	}
}

func testReplace(t *testing.T, s space) {
	path := s.root + "k"
	s.put(t, path, keystore.Record{"a": "1", "b": "2"})
	s.put(t, path, keystore.Record{"a": "3"})
	s.want(t, path, keystore.Record{"a": "3"})
}

func testCreate(t *testing.T, s space) {
	path := s.root + "k"
	first, second := keystore.Record{"a": "1"}, keystore.Record{"a": "2"}
	if err := s.Create(t.Context(), path, first); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Create(t.Context(), path, second); !errors.Is(err, keystore.ErrExists) || !fault.IsPermanent(err) {
			t.Errorf("Create(%s) error is %v, want ErrExists", path, err)
		}
		s.want(t, path, first)
	}
	if err := s.Delete(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), path, second); err != nil {
		t.Fatal(err)
	}
	s.want(t, path, second)
}

// Of those that create a record at once, one does.
func testCreateAtOnce(t *testing.T, s space) {
	path := s.root + "k"
	var group errgroup.Group
	var created atomic.Int32
	for i := range 8 {
		group.Go(func() error {
			err := s.Create(t.Context(), path, keystore.Record{"a": fmt.Sprint(i)})
			if err == nil {
				created.Add(1)
			}
			if errors.Is(err, keystore.ErrExists) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := created.Load(); n != 1 {
		t.Errorf("%d created it", n)
	}
}

func testNotFound(t *testing.T, s space) {
	s.put(t, s.root+"k-1", keystore.Record{"a": "1"})
	s.want(t, s.root+"k", nil)
	s.want(t, s.root+"k-12", nil)
}

func testDelete(t *testing.T, s space) {
	path := s.root + "k"
	s.put(t, path, keystore.Record{"a": "1"})
	s.put(t, path, keystore.Record{"a": "2"})
	for range 2 {
		if err := s.Delete(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		s.want(t, path, nil)
	}
	s.put(t, path, keystore.Record{"a": "3"})
	s.want(t, path, keystore.Record{"a": "3"})
}

func testList(t *testing.T, s space) {
	for _, name := range []string{"b-2", "a-1", "b-1", "b-3"} {
		s.put(t, s.root+name, keystore.Record{"a": "1"})
	}
	if err := s.Delete(t.Context(), s.root+"b-2"); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]string{
		"":   {s.root + "a-1", s.root + "b-1", s.root + "b-3"},
		"b":  {s.root + "b-1", s.root + "b-3"},
		"b-": {s.root + "b-1", s.root + "b-3"},
		"c":  nil,
	} {
		got, err := s.List(t.Context(), s.root+prefix)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want, got) {
			t.Errorf("List(%q) = %v, want %v", prefix, got, want)
		}
	}
}

func testInvalid(t *testing.T, s space) {
	good := keystore.Record{"a": "1"}
	for _, path := range []string{"", ".", "..", "a/b", "A", "a b", "a_b", "é", strings.Repeat("a", keystore.MaxPathLen+1)} {
		_, err := s.Get(t.Context(), path)
		for name, err := range map[string]error{"Get": err, "Put": s.Put(t.Context(), path, good), "Create": s.Create(t.Context(), path, good), "Delete": s.Delete(t.Context(), path)} {
			if !errors.Is(err, keystore.ErrInvalid) || !fault.IsPermanent(err) {
				t.Errorf("%s(%q) error is %v", name, path, err)
			}
		}
	}
	for _, r := range []keystore.Record{nil, {}, {"": "x"}, {"a": "\xff"}, {"a": strings.Repeat("x", keystore.MaxRecordLen)}} {
		if err := s.Put(t.Context(), s.root+"k", r); !errors.Is(err, keystore.ErrInvalid) {
			t.Errorf("Put(%d fields) error is %v", len(r), err)
		}
	}
	s.want(t, s.root+"k", nil)
}

func testCancelled(t *testing.T, s space) {
	path := s.root + "k"
	s.put(t, path, keystore.Record{"a": "1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := s.Get(ctx, path)
	_, listErr := s.List(ctx, s.root)
	for name, err := range map[string]error{
		"Get": getErr, "List": listErr, "Put": s.Put(ctx, path, keystore.Record{"a": "2"}), "Delete": s.Delete(ctx, path),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s error is %v", name, err)
		}
	}
	s.want(t, path, keystore.Record{"a": "1"})
}

// Readers running against writers see each record whole, and never none.
func testConcurrent(t *testing.T, s space) {
	path := s.root + "k"
	record := func(i int) keystore.Record {
		return keystore.Record{"a": fmt.Sprint(i), "b": strings.Repeat(fmt.Sprint(i), 500)}
	}
	s.put(t, path, record(0))
	var group errgroup.Group
	for w := range 2 {
		group.Go(func() error {
			for i := range 20 {
				if err := s.Put(t.Context(), path, record(w+i)); err != nil {
					return err
				}
			}
			return nil
		})
		group.Go(func() error {
			for range 40 {
				r, err := s.Get(t.Context(), path)
				if err != nil {
					return err
				}
				if r["b"] != strings.Repeat(r["a"], 500) {
					return errors.New("torn record")
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// testFaultPairs fails each write both ways: the error is transient, the state
// is one of the two allowed, and the same call repeated mends it.
func testFaultPairs(t *testing.T, s space) {
	before, after := keystore.Record{"a": "1"}, keystore.Record{"a": "2"}
	put := func(path string) error { return s.Put(t.Context(), path, after) }
	remove := func(path string) error { return s.Delete(t.Context(), path) }
	create := func(path string) error {
		err := s.Create(t.Context(), path, after)
		if errors.Is(err, keystore.ErrExists) { // by the try that failed
			return nil
		}
		return err
	}
	tests := map[string]struct {
		write         func(path string) error
		before, after keystore.Record
	}{
		"new":     {put, nil, after},
		"replace": {put, before, after},
		"delete":  {remove, before, nil},
		"create":  {create, nil, after},
	}
	for name, tc := range tests {
		for _, f := range []Fault{NotStored, Stored} {
			t.Run(name+" "+f.String(), func(t *testing.T) {
				path := s.root + name + randomHex(4)
				if tc.before != nil {
					s.put(t, path, tc.before)
				}
				s.FailWrite(f, 0)
				wantTransient(t, tc.write(path))
				s.want(t, path, map[Fault]keystore.Record{NotStored: tc.before, Stored: tc.after}[f])
				if err := tc.write(path); err != nil {
					t.Fatal(err)
				}
				s.want(t, path, tc.after)
			})
		}
	}
}

func wantTransient(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("the failure was not reported")
	}
	if fault.IsPermanent(err) || fault.IsFatal(err) {
		t.Fatalf("not transient: %v", err)
	}
}
