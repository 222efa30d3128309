package history

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"awala.network/gateway/events"
)

// Filter says which messages are wanted. Every field that is set must fit; of a
// list, one. The zero value fits all.
type Filter struct {
	// Streams are names of streams.
	Streams []string
	// Subjects are NATS subjects, which may have wildcards.
	Subjects []string
	// Types are event types with or without version, such as
	// gateway-parcel-accepted, in which * stands for anything.
	Types []string
	// Gateway is a private gateway that the event names.
	Gateway string
	// Parcel is a parcel's id, or the hash of its key.
	Parcel string
	// Cargo is the id of a cargo, or of the authorisation to collect.
	Cargo string
	// Correlations are correlation ids.
	Correlations []string
	// Event is an event's id.
	Event string
	// Since and Until bound [Time], both included.
	Since, Until time.Time
	// From and To bound the sequence, both included; 0 is no bound.
	From, To uint64
	// Limit is the most messages; 0 is no limit.
	Limit int
}

// wants tells whether the stream is to be read.
func (f Filter) wants(stream string) bool {
	return len(f.Streams) == 0 || slices.Contains(f.Streams, stream)
}

// Fits tells whether the message is wanted, whatever Limit says.
func (f Filter) Fits(m events.Message) bool {
	return f.wants(m.Stream) && f.fitsPosition(m) && f.fitsAttributes(m) && f.fitsNames(m)
}

func (f Filter) fitsPosition(m events.Message) bool {
	if m.Sequence < f.From || f.To > 0 && m.Sequence > f.To {
		return false
	}
	if f.Since.IsZero() && f.Until.IsZero() {
		return true
	}
	at := Time(m)
	return !at.Before(f.Since) && (f.Until.IsZero() || !at.After(f.Until))
}

func (f Filter) fitsAttributes(m events.Message) bool {
	any := func(wanted []string, fits func(string) bool) bool {
		return len(wanted) == 0 || slices.ContainsFunc(wanted, fits)
	}
	return any(f.Subjects, func(s string) bool { return subjectFits(s, m.Subject) }) &&
		any(f.Types, func(t string) bool { return matchesType(t, m) }) &&
		any(f.Correlations, func(c string) bool { return c == header(m, events.HeaderCorrelationID) }) &&
		(f.Event == "" || f.Event == header(m, events.HeaderID))
}

// fitsNames looks for what an event names in the fields of its body, so that types
// which do not exist yet are found too.
func (f Filter) fitsNames(m events.Message) bool {
	return names(m, f.Gateway, "privateGatewayId", "sourceGatewayId") && names(m, f.Parcel, "parcelId") &&
		names(m, f.Cargo, "cargoId", "authorizationId")
}

// byName tells whether the filter asks for what is sealed.
func (f Filter) byName() bool { return f.Gateway != "" || f.Parcel != "" || f.Cargo != "" }

// names tells whether the message names what is wanted, in clear or as it is sealed: in
// a token of its subject, as what it is about, or in one of the fields.
func names(m events.Message, wanted string, fields ...string) bool {
	if wanted == "" || named(m, wanted, fields) {
		return true
	}
	for sealed, clear := range m.Names {
		if clear == wanted && named(m, sealed, fields) {
			return true
		}
	}
	return false
}

func named(m events.Message, value string, fields []string) bool {
	return slices.Contains(strings.Split(m.Subject, "."), value) || header(m, events.HeaderSubject) == value ||
		inFields(m.Body, value, fields...)
}

// inFields tells whether one of the fields, at any depth of a JSON body, has the value.
func inFields(body []byte, value string, fields ...string) bool {
	quoted, err := json.Marshal(value)
	if err != nil || !bytes.Contains(body, quoted) { // bodies are written by the same encoder
		return false
	}
	var parsed any
	return json.Unmarshal(body, &parsed) == nil && holds(parsed, value, fields)
}

func holds(v any, value string, fields []string) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner == value && slices.Contains(fields, name) || holds(inner, value, fields) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if holds(inner, value, fields) {
				return true
			}
		}
	}
	return false
}

// subjectFits tells whether a NATS subject fits a pattern with the wildcards * (one
// token) and > (all the rest).
func subjectFits(pattern, subject string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range want {
		if token == ">" {
			return len(have) > i
		}
		if i >= len(have) || token != "*" && token != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}
