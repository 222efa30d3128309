package cargo

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/ramf"
)

// Limits of cargo message sets.
const (
	// MaxItemLen bounds an item on reading, in octets (both client libraries).
	// The JavaScript library refuses longer parcels wherever they come from, so
	// that there is no point in accepting one for a private endpoint.
	MaxItemLen = 8_322_038
	// MaxWrittenItemLen bounds an item on writing, in octets (RS-000).
	MaxWrittenItemLen = MaxItemLen - 1
	// MaxItems bounds the number of items in a set on reading. It is more than
	// twice what fits in when all are acknowledgements between real nodes, and
	// keeps a set of empty items from taking twelve times its size in memory.
	MaxItems = 1 << 17
)

// ParseMessageSet reads the plaintext of a cargo: the items, in order, which
// share memory with der. It does not look into them, so that a bad one does not
// spoil the others.
func ParseMessageSet(der []byte) ([][]byte, error) {
	input := cryptobyte.String(der)
	var set cryptobyte.String
	if !input.ReadASN1(&set, asn1.SEQUENCE) || !input.Empty() {
		return nil, fmt.Errorf("%w: no cargo message set", ErrMalformed)
	}
	var items [][]byte
	for !set.Empty() {
		var item cryptobyte.String
		if !set.ReadASN1(&item, asn1.OCTET_STRING) {
			return nil, fmt.Errorf("%w: item %d of the cargo message set is no octet string", ErrMalformed, len(items))
		}
		if len(item) > MaxItemLen || len(items) == MaxItems {
			return nil, fmt.Errorf("%w: item %d of %d octets is over the limits", ErrMalformed, len(items), len(item))
		}
		items = append(items, item)
	}
	return items, nil
}

// MarshalMessageSet writes the plaintext of a cargo. It refuses an item longer
// than [MaxWrittenItemLen], and a set longer than [ramf.MaxPlaintextLen].
func MarshalMessageSet(items [][]byte) ([]byte, error) {
	body := 0
	for i, item := range items {
		if len(item) > MaxWrittenItemLen {
			return nil, fmt.Errorf("%w: item %d of %d octets", ErrMalformed, i, len(item))
		}
		body += ber.ElementLen(len(item))
	}
	if ber.ElementLen(body) > ramf.MaxPlaintextLen {
		return nil, fmt.Errorf("%w: cargo message set of %d octets", ErrMalformed, ber.ElementLen(body))
	}
	// Sets are too large for cryptobyte's builder, which moves a value once per
	// level of nesting.
	set := ber.AppendHeader(make([]byte, 0, ber.ElementLen(body)), ber.Sequence, body)
	for _, item := range items {
		set = ber.Append(set, ber.OctetString, item)
	}
	return set, nil
}
