package cms

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // registers SHA-256
	_ "crypto/sha512" // registers SHA-384 and SHA-512

	"awala.network/gateway/awala/internal/ber"
)

// Contents of the object identifiers in use.
var (
	oidData          = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01} // 1.2.840.113549.1.7.1
	oidSignedData    = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02} // 1.2.840.113549.1.7.2
	oidEnvelopedData = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03} // 1.2.840.113549.1.7.3
	oidContentType   = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03} // 1.2.840.113549.1.9.3
	oidMessageDigest = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04} // 1.2.840.113549.1.9.4

	// oidOriginatorKeyID is Awala's attribute for the id of the sender's session
	// key (RS-003), 1.3.6.1.4.1.58708.0.1.0.
	oidOriginatorKeyID = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xca, 0x54, 0x00, 0x01, 0x00}
)

var null = []byte{byte(ber.Null), 0}

// hashes lists the accepted hash functions (RS-018) by the last arc of their
// identifiers under 2.16.840.1.101.3.4.2 and 1.3.132.1.11.
var hashes = map[byte]crypto.Hash{1: crypto.SHA256, 2: crypto.SHA384, 3: crypto.SHA512}

// hashArc is the object identifier 2.16.840.1.101.3.4.2.
var hashArc = []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02}

// sha256Identifier is the AlgorithmIdentifier of SHA-256 with NULL parameters, as
// the JavaScript clients write it.
var sha256Identifier = hashIdentifier(1)

func hashIdentifier(arc byte) []byte {
	oid := ber.Append(nil, ber.ObjectIdentifier, hashArc, []byte{arc})
	return ber.Append(nil, ber.Sequence, oid, null)
}

// lastArc returns the last octet of an object identifier directly under parent.
func lastArc(oid, parent []byte) (arc byte, ok bool) {
	if len(oid) != len(parent)+1 || !bytes.HasPrefix(oid, parent) {
		return 0, false
	}
	return oid[len(parent)], true
}

// algorithm is an AlgorithmIdentifier.
type algorithm struct {
	raw        []byte      // the whole, as received
	oid        []byte      // content of the object identifier
	parameters ber.Element // zero when absent
}

// readAlgorithm reads an AlgorithmIdentifier with the given tag.
func readAlgorithm(c *ber.Cursor) algorithm {
	element := c.Read(ber.Sequence)
	body := c.Open(element)
	a := algorithm{raw: element.Raw, oid: body.Read(ber.ObjectIdentifier).Content}
	if !body.Empty() {
		a.parameters = body.Next()
	}
	body.Done()
	return a
}

// hasNoParameters tells whether the parameters are absent or NULL.
func (a algorithm) hasNoParameters() bool {
	return a.parameters.Raw == nil || bytes.Equal(a.parameters.Raw, null)
}

// hash returns the hash function that the algorithm is.
func (a algorithm) hash() (crypto.Hash, error) {
	arc, ok := lastArc(a.oid, hashArc)
	hash, known := hashes[arc]
	if !ok || !known || !a.hasNoParameters() {
		return 0, unsupported("digest algorithm")
	}
	return hash, nil
}

// enterContentInfo reads the ContentInfo (RFC 5652 §3) that is all of input and
// returns a cursor over the fields of its content, which must have the given type.
func enterContentInfo(input, contentType []byte) (fields ber.Cursor, err error) {
	c := ber.NewCursor(input, MaxLen)
	info := c.Enter(ber.Sequence)
	c.Done()
	actual := info.Read(ber.ObjectIdentifier).Content
	if c.Err() == nil && !bytes.Equal(actual, contentType) {
		return fields, unsupported("content type")
	}
	content := info.Enter(ber.Context(0).Constructed())
	info.Done()
	fields = content.Enter(ber.Sequence)
	content.Done()
	return fields, nil
}

// MaxLen is the longest input that is read: 9 MiB, the longest message that
// deployed clients accept.
const MaxLen = 9 << 20
