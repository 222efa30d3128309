// Package poweb reads and writes the messages that a private gateway and its
// Internet gateway exchange over PoWeb once the former is registered (RS-016):
// the handshake that opens a parcel collection, the delivery of a collected
// parcel, and the detached signatures by which a private gateway shows who it
// is. It knows nothing of HTTP and WebSockets.
//
// Reading is strict DER without trailing octets, save for the CMS signatures,
// which the client libraries write as BER. What is read shares memory with the
// octets that were parsed.
package poweb

import "errors"

// The ways in which a message or a signature is refused. None goes away by
// trying again with the same octets.
var (
	// ErrMalformed: the octets are not what they should be, or a value to be
	// written breaks its rules.
	ErrMalformed = errors.New("poweb: malformed message")
	// ErrSignature: the signature does not verify over what it should be over.
	ErrSignature = errors.New("poweb: invalid signature")
	// ErrUntrusted: the signature is sound but no trusted certificate issued the
	// signer's directly, or one of the two is not valid at the time.
	ErrUntrusted = errors.New("poweb: untrusted signer")
)
