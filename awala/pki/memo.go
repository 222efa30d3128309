package pki

// These bound the memory that parsed certificates take to some 30 MiB at the very
// worst. Real certificates have about 1,150 octets.
const (
	maxRecentlyParsed = 2048
	maxRememberedLen  = 4096
)

// recentlyParsed remembers certificates by the whole of their octets. Parsing is
// a pure function and certificates are immutable, so all that this changes is the
// cost of seeing the same issuers in message after message. It holds nothing
// about trust.
var recentlyParsed = newLRU[string, *Certificate](maxRecentlyParsed)
