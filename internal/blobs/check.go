package blobs

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// latestExpiry is the end of the year 9999, past which RFC 3339 and most object
// stores cannot write a date.
const latestExpiry = 253402300799

// CheckKey returns an error that wraps ErrInvalid unless key obeys the rules of
// Store.
func CheckKey(key string) error {
	if len(key) > MaxKeyLen {
		return fmt.Errorf("%w: key of %d octets is longer than %d", ErrInvalid, len(key), MaxKeyLen)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if !validSegment(segment) {
			return fmt.Errorf("%w: bad segment in key %q", ErrInvalid, key)
		}
	}
	return nil
}

func validSegment(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > MaxSegmentLen {
		return false
	}
	for i := range len(s) {
		if !validOctet(s[i]) {
			return false
		}
	}
	return true
}

func validOctet(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return strings.IndexByte("-_.=+@~", c) >= 0
	}
}

// CheckPut checks the arguments of Store.Put and returns m as it is to be
// stored: with the default content type and the expiry in whole seconds, UTC.
// The error wraps ErrInvalid.
func CheckPut(key string, body []byte, m Meta) (Meta, error) {
	if err := CheckKey(key); err != nil {
		return Meta{}, err
	}
	if len(body) > MaxBodyLen {
		return Meta{}, fmt.Errorf("%w: body of %d octets is longer than %d", ErrInvalid, len(body), MaxBodyLen)
	}
	if m.ContentType == "" {
		m.ContentType = DefaultContentType
	}
	if !validContentType(m.ContentType) {
		return Meta{}, fmt.Errorf("%w: content type %q", ErrInvalid, m.ContentType)
	}
	if m.ExpiresAt.IsZero() {
		return m, nil
	}
	seconds := m.ExpiresAt.Unix()
	if seconds < 1 || seconds > latestExpiry {
		return Meta{}, fmt.Errorf("%w: expiry %v", ErrInvalid, m.ExpiresAt)
	}
	m.ExpiresAt = time.Unix(seconds, 0).UTC()
	return m, nil
}

func validContentType(s string) bool {
	if len(s) > MaxContentTypeLen {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}

// FormatExpiry returns t as the value of ExpiryMetadata.
func FormatExpiry(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// ParseExpiry is the inverse of FormatExpiry. It returns the zero time for what
// is not a decimal number of seconds of the years 1970 to 9999: an object with
// a damaged expiry is still readable, and its reader decides.
func ParseExpiry(s string) time.Time {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil || seconds < 1 || seconds > latestExpiry {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
