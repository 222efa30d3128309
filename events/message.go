package events

import "time"

// Message is an event as it stands in a stream, octet for octet: what readers
// need who must neither interpret nor lose anything, such as evidence and
// exports.
type Message struct {
	// Stream and Sequence are the message's position.
	Stream   string
	Sequence uint64
	// Subject, Header and Body are what was recorded.
	Subject string
	Header  map[string][]string
	Body    []byte
	// StoredAt is when the history took it.
	StoredAt time.Time
	// Names are what is sealed in the message, by its sealed form, as far as that is
	// known to whoever shows it (see [Message.Reveal]). They are not recorded.
	Names map[string]string
}

// Record reads the message, with what Names tells in clear. Like [Read], it never
// fails.
func (m Message) Record() Record {
	r := Read(m.Stream, m.Sequence, m.Subject, m.Header, m.Body)
	r.StoredAt = m.StoredAt
	if len(m.Names) > 0 {
		return r.revealed(m.Names)
	}
	return r
}
