package history

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"awala.network/gateway/events"
)

// seeker passes over messages that cannot name what a filter wants, without opening
// what is sealed in them: what is sealed stands as the same text wherever it is of the
// same private gateway, so it is sealed once and then looked for. It is for one
// goroutine and one look at the history.
type seeker struct {
	names   events.Names
	gateway string
	texts   [][]byte // what else is wanted, as it stands in a body in clear
	wanted  []string // the same, as it is
	sealed  map[string]known
}

// known is what a private gateway's key says of what is wanted.
type known struct {
	wanted bool     // it is the one that is wanted
	unsure bool     // it could not be asked
	texts  [][]byte // what else is wanted, sealed
}

// newSeeker returns nil, which passes over nothing, if the filter names nothing, or
// something that may be a hash or the like: those are known of opened events only.
func newSeeker(names events.Names, f Filter) *seeker {
	s := &seeker{names: names, gateway: f.Gateway, sealed: make(map[string]known)}
	if s.gateway != "" && !gatewayPattern.MatchString(s.gateway) {
		return nil
	}
	for _, text := range []string{f.Parcel, f.Cargo} {
		if derivedPattern.MatchString(text) {
			return nil
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			return nil
		}
		if text != "" {
			s.wanted, s.texts = append(s.wanted, text), append(s.texts, bytes.Trim(quoted, `"`))
		}
	}
	if s.gateway == "" && len(s.wanted) == 0 {
		return nil
	}
	return s
}

var (
	// gatewayPattern fits ids of private gateways, and pseudonyms.
	gatewayPattern = regexp.MustCompile(`^(0[0-9a-f]{64}|` + events.PseudonymPrefix + `.*)$`)
	// derivedPattern fits hashes of parcels' keys, ids of private gateways, and what
	// begins with one: what cargoes are called in headers.
	derivedPattern = regexp.MustCompile(`^0?[0-9a-f]{64}($|/)`)
)

// pseudonymLen is the length of a pseudonym in octets.
const pseudonymLen = len(events.PseudonymPrefix) + 32

// may tells whether a message can be among what is wanted. Everything that is wanted
// must be named, but one is enough to have a closer look.
func (s *seeker) may(ctx context.Context, m events.Message) bool {
	if s == nil || s.inClear(m) {
		return true
	}
	for rest := m.Body; ; {
		at := bytes.Index(rest, []byte(`"`+events.PseudonymPrefix))
		if at < 0 {
			return false
		}
		if rest = rest[at+1:]; len(rest) < pseudonymLen {
			return false
		}
		k := s.known(ctx, string(rest[:pseudonymLen]))
		if k.wanted || k.unsure || containsAny(m.Body, k.texts) {
			return true
		}
		rest = rest[pseudonymLen:]
	}
}

// inClear tells whether a message names what is wanted as it is: it was never sealed,
// or the sealed form itself is wanted.
func (s *seeker) inClear(m events.Message) bool {
	if containsAny(m.Body, s.texts) || s.gateway != "" && (bytes.Contains(m.Body, []byte(s.gateway)) || strings.Contains(m.Subject, s.gateway)) {
		return true
	}
	about := header(m, events.HeaderSubject)
	if s.gateway != "" && about == s.gateway {
		return true
	}
	for _, w := range s.wanted {
		if about == w || strings.Contains(m.Subject, w) {
			return true
		}
	}
	return false
}

func containsAny(body []byte, texts [][]byte) bool {
	for _, t := range texts {
		if bytes.Contains(body, t) {
			return true
		}
	}
	return false
}

// known asks for a pseudonym once.
func (s *seeker) known(ctx context.Context, pseudonym string) known {
	k, ok := s.sealed[pseudonym]
	if ok {
		return k
	}
	name, err := s.names.Named(ctx, pseudonym)
	switch {
	case err != nil:
		k.unsure = true // whoever opens the message tells why
	case name.Cipher != nil:
		k.wanted = s.gateway != "" && name.GatewayID == s.gateway
		for _, w := range s.wanted {
			sealed, err := name.Sealed(w)
			if err != nil {
				k.unsure = true
				break
			}
			k.texts = append(k.texts, []byte(sealed))
		}
	}
	s.sealed[pseudonym] = k
	return k
}
