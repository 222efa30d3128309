package history

import (
	"path"
	"strings"
	"time"

	"awala.network/gateway/events"
)

// header returns the first value of a header.
func header(m events.Message, name string) string {
	if values := m.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Time returns when the event says that it happened. That survives an import, and
// evidence covers it. For a message that does not say, it is when the stream took
// it.
func Time(m events.Message) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, header(m, events.HeaderTime)); err == nil {
		return at.UTC()
	}
	return m.StoredAt
}

// Type returns the event's type without the prefix that all have, or "" if the
// message does not say.
func Type(m events.Message) string {
	return strings.TrimPrefix(header(m, events.HeaderType), events.TypePrefix)
}

// kind returns the event's type without its version.
func kind(m events.Message) string {
	t := Type(m)
	if i := strings.LastIndex(t, ".v"); i > 0 {
		return t[:i]
	}
	return t
}

// matchesType tells whether the pattern, with * and ?, is the message's type with
// or without its version.
func matchesType(pattern string, m events.Message) bool {
	full, _ := path.Match(pattern, Type(m))
	short, _ := path.Match(pattern, kind(m))
	return full || short
}
