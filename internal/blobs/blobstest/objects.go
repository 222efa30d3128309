package blobstest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

func testRoundTrip(t *testing.T, s space) {
	for _, size := range []int{0, 1, 1024, 9 << 20} {
		t.Run(fmt.Sprintf("%d octets", size), func(t *testing.T) {
			key := s.key("round-trip", fmt.Sprint(size))
			body := bytes.Repeat([]byte{0, 0xff, '\n', 'x'}, size/4+1)[:size]
			before := time.Now()
			s.put(t, key, body, blobs.Meta{})
			s.wantBody(t, key, body)
			info, err := s.Stat(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if info.Key != key || info.Size != int64(size) {
				t.Errorf("Stat() = %+v", info)
			}
			if age := info.StoredAt.Sub(before); age < -time.Minute || age > time.Minute {
				t.Errorf("stored at %v, put at %v", info.StoredAt, before)
			}
		})
	}
}

func testMetadata(t *testing.T, s space) {
	expiry := time.Date(2030, 2, 3, 4, 5, 6, 789, time.FixedZone("", 3600))
	tests := map[string]struct{ put, want blobs.Meta }{
		"none":         {blobs.Meta{}, blobs.Meta{ContentType: blobs.DefaultContentType}},
		"expiry":       {blobs.Meta{ExpiresAt: expiry}, blobs.Meta{ContentType: blobs.DefaultContentType, ExpiresAt: expiry.Truncate(time.Second).UTC()}},
		"content type": {blobs.Meta{ContentType: "application/vnd.awala.parcel"}, blobs.Meta{ContentType: "application/vnd.awala.parcel"}},
		"claimed":      {blobs.Meta{ContentType: "text/plain", IfAbsent: true}, blobs.Meta{ContentType: "text/plain"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			key := s.key(strings.ReplaceAll(name, " ", "-"))
			s.put(t, key, []byte("x"), tc.put)
			_, got, err := s.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Get() metadata (-want +got):\n%s", diff)
			}
			info, err := s.Stat(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, info.Meta); diff != "" {
				t.Errorf("Stat() metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func testReplace(t *testing.T, s space) {
	key := s.key("k")
	s.put(t, key, []byte("a long first body"), blobs.Meta{ExpiresAt: time.Unix(2e9, 0)})
	s.put(t, key, []byte("second"), blobs.Meta{})
	s.wantBody(t, key, []byte("second"))
	if _, m, err := s.Get(t.Context(), key); err != nil || !m.ExpiresAt.IsZero() {
		t.Errorf("the first expiry survived: %v, %v", m, err)
	}
}

func testSlices(t *testing.T, s space) {
	key, body := s.key("k"), []byte("body")
	s.put(t, key, body, blobs.Meta{})
	body[0] = 'X'
	got, _, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	got[1] = 'X'
	s.wantBody(t, key, []byte("body"))
}

func testNotFound(t *testing.T, s space) {
	s.put(t, s.key("folder", "there"), nil, blobs.Meta{})
	for _, key := range []string{s.key("k"), s.key("folder"), s.key("folder", "k"), s.key("no", "such", "folder")} {
		s.wantNone(t, key)
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, blobs.ErrNotFound) || !fault.IsPermanent(err) {
			t.Errorf("Stat(%s) error is %v", key, err)
		}
	}
}

func testDelete(t *testing.T, s space) {
	key, sibling := s.key("a", "b", "k"), s.key("a", "sibling")
	s.put(t, key, []byte("x"), blobs.Meta{})
	s.put(t, sibling, []byte("y"), blobs.Meta{})
	for range 2 {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		s.wantNone(t, key)
	}
	if err := s.Delete(t.Context(), s.key("never", "was")); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}
	s.wantBody(t, sibling, []byte("y"))
	s.put(t, key, []byte("again"), blobs.Meta{IfAbsent: true})
	s.wantBody(t, key, []byte("again"))
}

func testInvalid(t *testing.T, s space) {
	long := strings.Repeat("k", blobs.MaxSegmentLen+1)
	keys := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a b", "a\x00b", "a\\b", "a,b", "é", "a\n",
		long, strings.Repeat("0123456789/", 50),
	}
	for _, key := range keys {
		_, _, getErr := s.Get(t.Context(), key)
		_, statErr := s.Stat(t.Context(), key)
		for name, err := range map[string]error{
			"Put": s.Put(t.Context(), key, nil, blobs.Meta{}), "Delete": s.Delete(t.Context(), key), "Get": getErr, "Stat": statErr,
		} {
			if !errors.Is(err, blobs.ErrInvalid) || !fault.IsPermanent(err) {
				t.Errorf("%s(%q) error is %v", name, key, err)
			}
		}
	}
	for _, m := range []blobs.Meta{
		{ExpiresAt: time.Unix(0, 0)}, {ExpiresAt: time.Unix(1<<40, 0)}, {ContentType: "a\nb"}, {ContentType: " a"}, {ContentType: long},
	} {
		if err := s.Put(t.Context(), s.key("k"), nil, m); !errors.Is(err, blobs.ErrInvalid) {
			t.Errorf("Put(%+v) error is %v", m, err)
		}
	}
	if err := s.Put(t.Context(), s.key("k"), make([]byte, blobs.MaxBodyLen+1), blobs.Meta{}); !errors.Is(err, blobs.ErrInvalid) {
		t.Errorf("a body over the limit: %v", err)
	}
	s.wantNone(t, s.key("k"))
}

func testIfAbsent(t *testing.T, s space) {
	key := s.key("a", "k")
	s.put(t, key, []byte("first"), blobs.Meta{IfAbsent: true})
	err := s.Put(t.Context(), key, []byte("second"), blobs.Meta{IfAbsent: true})
	if !errors.Is(err, blobs.ErrExists) || !fault.IsPermanent(err) {
		t.Errorf("second claim: %v", err)
	}
	s.wantBody(t, key, []byte("first"))
}
