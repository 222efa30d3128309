package history

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/evidence"
	"awala.network/gateway/internal/fault"
)

// ErrLine says that octets are not the line of a message.
var ErrLine = fault.Permanent(errors.New("history: not the line of an event"))

// line is a message in JSON. The names of data and data_base64 are those of the
// CloudEvents JSON format.
type line struct {
	Stream   string                  `json:"stream"`
	Sequence uint64                  `json:"sequence"`
	Subject  string                  `json:"subject"`
	StoredAt time.Time               `json:"storedAt"`
	Header   map[string]headerValues `json:"header"`
	Names    map[string]string       `json:"names"`
	Data     json.RawMessage         `json:"data"`
	Base64   []byte                  `json:"data_base64"`
}

// AppendLine appends the message as a line of JSON, without the newline. The
// message can be told octet for octet from it, but for headers that are NATS's own
// (evidence.CanonicalHeader). It fails for what is not UTF-8 in the subject or in
// the name of a header, which NATS does not let pass.
func AppendLine(b []byte, m events.Message) ([]byte, error) {
	header := evidence.CanonicalHeader(m.Header)
	names := slices.Sorted(maps.Keys(header))
	for _, name := range append(names, m.Stream, m.Subject) {
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("%w: %s %d: a name is not UTF-8", ErrLine, m.Stream, m.Sequence)
		}
	}
	b = appendString(append(b, `{"stream":`...), m.Stream)
	b = strconv.AppendUint(append(b, `,"sequence":`...), m.Sequence, 10)
	b = appendString(append(b, `,"subject":`...), m.Subject)
	if !m.StoredAt.IsZero() {
		b = appendString(append(b, `,"storedAt":`...), m.StoredAt.Format(time.RFC3339Nano))
	}
	b = append(b, `,"header":{`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValues(append(appendString(b, name), ':'), header[name])
	}
	b = appendNames(append(b, '}'), m.Names)
	switch {
	case len(m.Body) == 0:
	case isCompact(m.Body):
		b = append(append(b, `,"data":`...), m.Body...)
	default:
		b = appendBase64(append(b, `,"data_base64":`...), m.Body)
	}
	return append(b, '}'), nil
}

// appendNames appends what is known of sealed names, if anything is.
func appendNames(b []byte, known map[string]string) []byte {
	if len(known) == 0 {
		return b
	}
	b = append(b, `,"names":{`...)
	for i, sealed := range slices.Sorted(maps.Keys(known)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(appendString(b, sealed), ':'), known[sealed])
	}
	return append(b, '}')
}

// appendValues appends the values of a header: a string if there is one, and a list
// otherwise; a value that is not UTF-8 is an object with its base64.
func appendValues(b []byte, values []string) []byte {
	if len(values) > 1 {
		b = append(b, '[')
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		if utf8.ValidString(v) {
			b = appendString(b, v)
		} else {
			b = append(appendBase64(append(b, `{"base64":`...), []byte(v)), '}')
		}
	}
	if len(values) > 1 {
		b = append(b, ']')
	}
	return b
}

// appendString appends a JSON string. Most need no escapes.
func appendString(b []byte, s string) []byte {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return append(append(append(b, '"'), s...), '"')
	}
	var escaped bytes.Buffer
	encoder := json.NewEncoder(&escaped)
	encoder.SetEscapeHTML(false)
	// A string can be encoded.
	_ = encoder.Encode(s)
	return append(b, bytes.TrimSuffix(escaped.Bytes(), []byte{'\n'})...)
}

func appendBase64(b, octets []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), octets), '"')
}

// ParseLine is the inverse of [AppendLine]. It accepts exactly what that writes, so
// that no two lines are the same message.
func ParseLine(text []byte) (events.Message, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return events.Message{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	m := events.Message{
		Stream: l.Stream, Sequence: l.Sequence, Subject: l.Subject, StoredAt: l.StoredAt, Body: l.Base64, Names: l.Names,
	}
	if l.Data != nil {
		m.Body = l.Data
	}
	m.Header = make(map[string][]string, len(l.Header))
	for name, values := range l.Header {
		m.Header[name] = values
	}
	again, err := AppendLine(make([]byte, 0, len(text)), m)
	if err != nil {
		return events.Message{}, err
	}
	if !bytes.Equal(again, text) {
		return events.Message{}, fmt.Errorf("%w: it is not written as we write it", ErrLine)
	}
	return m, nil
}

// isCompact tells whether body is JSON that comes back octet for octet.
func isCompact(body []byte) bool {
	var compact bytes.Buffer
	return json.Compact(&compact, body) == nil && bytes.Equal(compact.Bytes(), body) && string(body) != "null"
}

// headerValues are what appendValues writes.
type headerValues []string

func (h *headerValues) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if text[0] != '[' {
		list = append(list, text)
	} else if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*h = make([]string, len(list))
	for i, v := range list {
		if v[0] != '{' {
			if err := json.Unmarshal(v, &(*h)[i]); err != nil {
				return err
			}
			continue
		}
		var binary struct {
			Base64 []byte `json:"base64"`
		}
		if err := json.Unmarshal(v, &binary); err != nil {
			return err
		}
		(*h)[i] = string(binary.Base64)
	}
	return nil
}
