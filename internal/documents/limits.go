package documents

// Limits that every implementation shares, so that what one store takes the
// others take too.
const (
	// MaxIDLen is the greatest length of a document id, in octets.
	MaxIDLen = 512

	// MaxKeyValueLen is the greatest length of a value in Document.Keys, in octets.
	MaxKeyValueLen = 512

	// MaxNameLen is the greatest length of a collection's or key's name.
	MaxNameLen = 48

	// MaxBodyLen is the greatest length of a Document.Body, in octets of JSON. As
	// BSON the same values can be nine times as long, and MongoDB takes 16 MiB.
	MaxBodyLen = 1 << 20

	// MaxDepth is how deep objects and arrays may nest in a Document.Body.
	MaxDepth = 32

	// MaxLimit is the most documents that one Find or Expired returns.
	MaxLimit = 10_000
)
