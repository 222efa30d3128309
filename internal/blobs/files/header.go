package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"awala.network/gateway/internal/blobs"
)

// headerLen is the length of what stands before the body in every file. It is
// fixed, so that a listing knows a body's size without opening the file.
//
//	 0  8  magic, with the version of the format
//	 8  8  length of the body
//	16  8  expiry in Unix seconds, 0 if none
//	24  4  CRC-32C of the body
//	28  1  length of the content type
//	29 95  content type, padded with zeros
//	124  4  CRC-32C of octets 0 to 123
//
// Numbers are big-endian.
const headerLen = 128

const magic = "awblob\x00\x01"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	size int64
	sum  uint32
	meta blobs.Meta
}

// formatHeader returns the header for a body and metadata that blobs.CheckPut
// passed.
func formatHeader(body []byte, m blobs.Meta) []byte {
	h := make([]byte, headerLen)
	copy(h, magic)
	binary.BigEndian.PutUint64(h[8:], uint64(len(body)))
	if !m.ExpiresAt.IsZero() {
		binary.BigEndian.PutUint64(h[16:], uint64(m.ExpiresAt.Unix()))
	}
	binary.BigEndian.PutUint32(h[24:], crc32.Checksum(body, castagnoli))
	h[28] = byte(len(m.ContentType))
	copy(h[29:124], m.ContentType)
	binary.BigEndian.PutUint32(h[124:], crc32.Checksum(h[:124], castagnoli))
	return h
}

// parseHeader reads what formatHeader wrote. The error wraps blobs.ErrCorrupt.
func parseHeader(h []byte) (header, error) {
	if len(h) != headerLen || string(h[:8]) != magic {
		return header{}, fmt.Errorf("%w: not a blob file", blobs.ErrCorrupt)
	}
	if binary.BigEndian.Uint32(h[124:]) != crc32.Checksum(h[:124], castagnoli) {
		return header{}, fmt.Errorf("%w: header checksum", blobs.ErrCorrupt)
	}
	size, expiry := binary.BigEndian.Uint64(h[8:]), int64(binary.BigEndian.Uint64(h[16:]))
	if size > blobs.MaxBodyLen || h[28] > blobs.MaxContentTypeLen || expiry < 0 {
		return header{}, fmt.Errorf("%w: header out of bounds", blobs.ErrCorrupt)
	}
	parsed := header{size: int64(size), sum: binary.BigEndian.Uint32(h[24:])}
	parsed.meta.ContentType = string(bytes.Clone(h[29 : 29+int(h[28])]))
	if expiry != 0 {
		parsed.meta.ExpiresAt = time.Unix(expiry, 0).UTC()
	}
	return parsed, nil
}

// check returns an error that wraps blobs.ErrCorrupt unless body is the one
// that h was made for.
func (h header) check(body []byte) error {
	if int64(len(body)) != h.size {
		return fmt.Errorf("%w: %d octets instead of %d", blobs.ErrCorrupt, len(body), h.size)
	}
	if crc32.Checksum(body, castagnoli) != h.sum {
		return fmt.Errorf("%w: body checksum", blobs.ErrCorrupt)
	}
	return nil
}
