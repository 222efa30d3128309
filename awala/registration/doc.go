// Package registration reads and writes the messages by which a private node
// becomes a client of an Internet gateway, and the parameters that a node hands
// out so that others can reach it (RS-000, "Private Node Registration";
// RS-016).
//
// The exchange: the private node sends the digest of its key; the gateway
// answers with an [Authorization], signed; the node returns it inside a
// [Request], countersigned with its key; the gateway answers with a
// [Registration].
//
// The encodings are those of the deployed clients, which wrap keys, certificates
// and nested messages in octet strings where RS-000 has typed fields. Reading is
// strict DER without trailing octets.
package registration

import "errors"

// The ways in which a registration message is refused. None goes away by trying
// again with the same octets.
var (
	// ErrMalformed: the octets are not what they should be, or a value to be
	// written breaks its rules.
	ErrMalformed = errors.New("registration: malformed message")
	// ErrSignature: the signature does not verify with the key.
	ErrSignature = errors.New("registration: invalid signature")
	// ErrExpired: the authorisation is past its expiry.
	ErrExpired = errors.New("registration: expired authorisation")
)
