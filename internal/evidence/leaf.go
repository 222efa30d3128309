package evidence

import (
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
)

// Heads of the two kinds of leaves. They end where a field begins, so that no
// event can pass for a gap.
const (
	eventHead = "awala-gateway event v1\n"
	gapHead   = "awala-gateway no event v1\n"
)

// transportPrefix begins the names of headers that tell NATS what to do and say
// nothing of the event. The message id, one of them, repeats ce-id.
const transportPrefix = "Nats-"

// LeafData returns the canonical form of a message, which its leaf is the hash
// of: a fixed head, the sequence (8 octets, big-endian), and then each preceded by
// its length (4 octets, big-endian) the subject, the number of header values as 4
// octets, name and value of each in the order of names, and the body. Headers that
// begin with Nats- are left out. So is the time at which the stream took the
// message, which an import cannot restore: the event's own time is in ce-time.
func LeafData(m events.Message) []byte {
	header := CanonicalHeader(m.Header)
	names := make([]string, 0, len(header))
	values := 0
	for name, v := range header {
		names = append(names, name)
		values += len(v)
	}
	slices.Sort(names)
	b := make([]byte, 0, 1024+len(m.Body))
	b = append(b, eventHead...)
	b = binary.BigEndian.AppendUint64(b, m.Sequence)
	b = appendField(b, m.Subject)
	b = binary.BigEndian.AppendUint32(b, uint32(values))
	for _, name := range names {
		for _, value := range header[name] {
			b = appendField(appendField(b, name), value)
		}
	}
	return appendField(b, string(m.Body))
}

func appendField(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// CanonicalHeader returns the header without what is NATS's own.
func CanonicalHeader(header map[string][]string) map[string][]string {
	canonical := make(map[string][]string, len(header))
	for name, values := range header {
		if !strings.HasPrefix(name, transportPrefix) && len(values) > 0 {
			canonical[name] = values
		}
	}
	return canonical
}

// LeafHash returns the leaf of a message (RFC 6962 §2.1).
func LeafHash(m events.Message) tlog.Hash { return tlog.RecordHash(LeafData(m)) }

// GapHash returns the leaf of a sequence at which the stream held nothing when
// the evidence was recorded.
func GapHash(sequence uint64) tlog.Hash {
	return tlog.RecordHash(binary.BigEndian.AppendUint64([]byte(gapHead), sequence))
}
