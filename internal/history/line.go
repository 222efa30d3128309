package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	StoredAt time.Time               `json:"storedAt,omitzero"`
	Header   map[string]headerValues `json:"header"`
	Data     json.RawMessage         `json:"data,omitempty"`
	Base64   []byte                  `json:"data_base64,omitempty"`
}

// AppendLine appends the message as a line of JSON, without the newline. The
// message can be told octet for octet from it, but for headers that are NATS's own
// (evidence.CanonicalHeader). It fails for what is not UTF-8 in the subject or in
// the name of a header, which NATS does not let pass.
func AppendLine(b []byte, m events.Message) ([]byte, error) {
	l := line{Stream: m.Stream, Sequence: m.Sequence, Subject: m.Subject, StoredAt: m.StoredAt, Header: map[string]headerValues{}}
	valid := utf8.ValidString(m.Subject)
	for name, values := range evidence.CanonicalHeader(m.Header) {
		valid = valid && utf8.ValidString(name)
		l.Header[name] = values
	}
	if !valid {
		return nil, fmt.Errorf("%w: %s %d: a name is not UTF-8", ErrLine, m.Stream, m.Sequence)
	}
	if len(m.Body) > 0 && isCompact(m.Body) {
		l.Data = m.Body
	} else {
		l.Base64 = m.Body
	}
	buffer := bytes.NewBuffer(b)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(l); err != nil {
		return nil, fmt.Errorf("%w: %s %d: %w", ErrLine, m.Stream, m.Sequence, err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte{'\n'}), nil
}

// ParseLine is the inverse of [AppendLine]. It accepts exactly what that writes, so
// that no two lines are the same message.
func ParseLine(text []byte) (events.Message, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return events.Message{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	m := events.Message{Stream: l.Stream, Sequence: l.Sequence, Subject: l.Subject, StoredAt: l.StoredAt, Body: l.Base64}
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

// headerValues are written as a string if there is one, and as a list otherwise;
// a value that is not UTF-8 is an object with its base64.
type headerValues []string

type binaryValue struct {
	Base64 []byte `json:"base64"`
}

func (h headerValues) MarshalJSON() ([]byte, error) {
	values := make([]any, len(h))
	for i, v := range h {
		values[i] = v
		if !utf8.ValidString(v) {
			values[i] = binaryValue{[]byte(v)}
		}
	}
	if len(values) == 1 {
		return marshalPlain(values[0])
	}
	return marshalPlain(values)
}

func (h *headerValues) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	if text[0] != '[' {
		list = append(list, text)
	} else if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*h = make([]string, len(list))
	for i, v := range list {
		var binary binaryValue
		if v[0] == '{' {
			if err := json.Unmarshal(v, &binary); err != nil {
				return err
			}
			(*h)[i] = string(binary.Base64)
		} else if err := json.Unmarshal(v, &(*h)[i]); err != nil {
			return err
		}
	}
	return nil
}

func marshalPlain(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}
