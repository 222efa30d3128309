package events

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Header names of an event on the wire: CloudEvents 1.0 attributes in binary
// mode, W3C trace context, and NATS's own deduplication header. They are
// written exactly like this, because NATS compares header names by case.
const (
	HeaderSpecVersion   = "ce-specversion"
	HeaderID            = "ce-id"
	HeaderSource        = "ce-source"
	HeaderType          = "ce-type"
	HeaderTime          = "ce-time"
	HeaderSubject       = "ce-subject" // the aggregate's id
	HeaderCausationID   = "ce-causationid"
	HeaderCorrelationID = "ce-correlationid"
	HeaderTraceParent   = "traceparent"
	HeaderContentType   = "content-type"
	HeaderMessageID     = "Nats-Msg-Id" // equals ce-id
)

const (
	specVersion = "1.0"
	contentType = "application/json"
)

// Encode returns the event as it goes on the wire: the subject, the headers and
// the JSON body. It fails with a [*MalformedError] if the event lacks a
// required attribute, if its channel is not a plain NATS subject, if an attribute
// cannot stand in a header, or if its version is recorded no more ([Upcast]).
func Encode(e Event) (subject string, header map[string][]string, body []byte, err error) {
	if e.Data == nil {
		return "", nil, nil, malformed("data", "is missing")
	}
	if t := e.Data.EventType(); ReadAs(t) != t {
		return "", nil, nil, malformed("data", fmt.Sprintf("is of version %s, which is recorded no more", t))
	}
	subject = e.Data.Channel()
	if !plainSubject(subject) {
		return "", nil, nil, malformed("channel", fmt.Sprintf("%q is not a plain subject", subject))
	}
	if header, err = encodeHeader(e); err != nil {
		return "", nil, nil, err
	}
	if body, err = json.Marshal(e.Data); err != nil {
		return "", nil, nil, &MalformedError{Part: "data", Reason: "cannot be written as JSON", Err: err}
	}
	return subject, header, body, nil
}

func encodeHeader(e Event) (map[string][]string, error) {
	attributes := []struct {
		name, value string
		required    bool
	}{
		{HeaderSpecVersion, specVersion, true},
		{HeaderID, e.ID, true},
		{HeaderSource, e.Source, true},
		{HeaderType, TypePrefix + string(e.Data.EventType()), true},
		{HeaderTime, e.Time.UTC().Format(time.RFC3339Nano), true},
		{HeaderSubject, e.Data.AggregateID(), false},
		{HeaderCausationID, e.CausationID, false},
		{HeaderCorrelationID, e.CorrelationID, false},
		{HeaderTraceParent, e.TraceParent, false},
		{HeaderContentType, contentType, true},
		{HeaderMessageID, e.ID, true},
	}
	header := make(map[string][]string, len(attributes))
	for _, a := range attributes {
		switch {
		case a.value == "" && a.required:
			return nil, malformed(a.name, "is missing")
		case !headerSafe(a.value):
			return nil, malformed(a.name, "holds a control character or outer space")
		case a.value != "":
			header[a.name] = []string{a.value}
		}
	}
	return header, nil
}

// plainSubject tells whether s can be published to: non-empty tokens, without
// wildcards, space or control characters.
func plainSubject(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || strings.ContainsFunc(token, notTokenRune) {
			return false
		}
	}
	return true
}

func notTokenRune(r rune) bool { return r <= ' ' || r == 0x7f || r == '*' || r == '>' }

// headerSafe tells whether a header value comes back as it was written: a line
// break would end it, and readers trim outer space.
func headerSafe(s string) bool {
	return strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
