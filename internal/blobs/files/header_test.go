package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/internal/blobs"
)

func TestHeaderRoundTrip(t *testing.T) {
	for _, m := range []blobs.Meta{
		{ContentType: "a/b"},
		{ContentType: "a/b", ExpiresAt: time.Unix(1, 0).UTC()},
		{ContentType: string(bytes.Repeat([]byte("x"), blobs.MaxContentTypeLen)), ExpiresAt: time.Unix(2e9, 0).UTC()},
	} {
		h, err := parseHeader(formatHeader([]byte("body"), m))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, h.meta); diff != "" {
			t.Error(diff)
		}
		if err := h.check([]byte("body")); err != nil {
			t.Error(err)
		}
		if err := h.check([]byte("bodY")); !errors.Is(err, blobs.ErrCorrupt) {
			t.Errorf("another body passed: %v", err)
		}
	}
}

// Whatever the octets are, they parse within the bounds or are corrupt.
func FuzzParseHeader(f *testing.F) {
	f.Add(formatHeader([]byte("body"), blobs.Meta{ContentType: "a/b", ExpiresAt: time.Unix(2e9, 0)}), false)
	f.Add([]byte("short"), false)
	f.Add(make([]byte, headerLen), true)
	f.Fuzz(func(t *testing.T, raw []byte, mend bool) {
		if mend && len(raw) == headerLen {
			mendHeader(raw)
		}
		h, err := parseHeader(raw)
		if err != nil {
			if !errors.Is(err, blobs.ErrCorrupt) {
				t.Fatalf("wrong class: %v", err)
			}
			return
		}
		if h.size < 0 || !h.meta.ExpiresAt.IsZero() && h.meta.ExpiresAt.Unix() < 1 || h.size > blobs.MaxBodyLen || len(h.meta.ContentType) > blobs.MaxContentTypeLen {
			t.Fatalf("out of bounds: %+v", h)
		}
	})
}

// mendHeader makes magic and checksum right, so that fuzzing gets past them.
func mendHeader(raw []byte) {
	copy(raw, magic)
	sum := formatSum(raw)
	copy(raw[124:], sum[:])
}

func formatSum(raw []byte) (sum [4]byte) {
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(raw[:124], castagnoli))
	return sum
}
