package blobs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/blobs"
)

func TestCheckKey(t *testing.T) {
	segment := strings.Repeat("s", blobs.MaxSegmentLen)
	tests := map[string]bool{
		"a":                              true,
		"parcels/gateway-bound/0ab/x.y":  true,
		"A-Z_0.9=+@~/...":                true,
		segment + "/" + segment + "/end": true,
		strings.Repeat("a/", blobs.MaxKeyLen/2-1) + "ab":  true,
		strings.Repeat("a/", blobs.MaxKeyLen/2-1) + "abc": false,
		segment + "s": false,
		"":            false,
		"/a":          false,
		"a/":          false,
		"a//b":        false,
		"a/..":        false,
		"./a":         false,
		"a,b":         false,
		"a\x00":       false,
		"ü":           false,
	}
	for key, want := range tests {
		err := blobs.CheckKey(key)
		if (err == nil) != want || err != nil && !errors.Is(err, blobs.ErrInvalid) {
			t.Errorf("CheckKey(%q) = %v", key, err)
		}
	}
}

func FuzzParseExpiry(f *testing.F) {
	for _, s := range []string{"1800000000", "0", "-1", "", "1e9", "253402300800", "99999999999999999999", " 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at := blobs.ParseExpiry(s)
		if at.IsZero() {
			return
		}
		if _, err := blobs.CheckPut("k", nil, blobs.Meta{ExpiresAt: at}); err != nil {
			t.Errorf("ParseExpiry(%q) is not a valid expiry: %v", s, err)
		}
		if again := blobs.ParseExpiry(blobs.FormatExpiry(at)); !again.Equal(at) {
			t.Errorf("%v became %v", at, again)
		}
	})
}

func TestExpiryFraction(t *testing.T) {
	m, err := blobs.CheckPut("k", nil, blobs.Meta{ExpiresAt: time.Unix(1800000000, 999999999)})
	if err != nil || !m.ExpiresAt.Equal(time.Unix(1800000000, 0)) || blobs.FormatExpiry(m.ExpiresAt) != "1800000000" {
		t.Errorf("CheckPut() = %v, %v", m, err)
	}
}
