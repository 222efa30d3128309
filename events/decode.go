package events

import (
	"fmt"
	"strings"
	"time"
)

// Decode reads an event off the wire. It is strict about what identifies an
// event: each attribute appears once, required ones are there, and the event
// stands on the channel that its data belongs on. It is tolerant about what a
// newer version may add: unknown headers and unknown JSON fields are ignored. What an
// older version recorded comes as the newest version says it ([Upcast]).
//
// The error is an [*UnknownTypeError] if this version does not know the event's
// type or its version, and a [*MalformedError] otherwise.
func Decode(subject string, header map[string][]string, body []byte) (Event, error) {
	h := attributes{values: header}
	e := Event{
		ID:            h.required(HeaderID),
		Source:        h.required(HeaderSource),
		CausationID:   h.optional(HeaderCausationID),
		CorrelationID: h.optional(HeaderCorrelationID),
		TraceParent:   h.optional(HeaderTraceParent),
		Time:          h.time(HeaderTime),
	}
	h.exactly(HeaderSpecVersion, specVersion)
	name := h.required(HeaderType)
	if h.err != nil {
		return Event{}, h.err
	}
	read, ok := registry[Type(strings.TrimPrefix(name, TypePrefix))]
	if !ok || !strings.HasPrefix(name, TypePrefix) {
		return Event{}, &UnknownTypeError{Type: name}
	}
	h.exactly(HeaderContentType, contentType)
	if h.err != nil {
		return Event{}, h.err
	}
	var err error
	if e.Data, err = read(body); err != nil {
		return Event{}, &MalformedError{Part: "data", Reason: "is not the JSON of " + name, Err: err}
	}
	e.Data = newest(e.Data)
	if want := e.Data.Channel(); want != subject {
		return Event{}, malformed("subject", fmt.Sprintf("is %q, the data belongs on %q", subject, want))
	}
	return e, nil
}

// attributes reads headers and keeps the first error.
type attributes struct {
	values map[string][]string
	err    error
}

func (a *attributes) fail(name, reason string) {
	if a.err == nil {
		a.err = malformed(name, reason)
	}
}

func (a *attributes) optional(name string) string {
	switch values := a.values[name]; len(values) {
	case 0:
		return ""
	case 1:
		return values[0]
	default:
		a.fail(name, fmt.Sprintf("appears %d times", len(values)))
		return ""
	}
}

func (a *attributes) required(name string) string {
	value := a.optional(name)
	if value == "" {
		a.fail(name, "is missing")
	}
	return value
}

func (a *attributes) exactly(name, want string) {
	if got := a.required(name); got != want {
		a.fail(name, fmt.Sprintf("is %q, not %q", got, want))
	}
}

func (a *attributes) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, a.required(name))
	if err != nil {
		a.fail(name, "is not an RFC 3339 time")
	}
	return t.UTC()
}
