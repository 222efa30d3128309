// Package cargo reads and writes what travels inside cargoes and cargo
// collection authorisations once they are decrypted (RS-000, "Cargo"): the
// cargo message set and its items, and the cargo collection request. It also
// packs items into as few sets as a greedy pass can.
//
// Reading is strict DER without trailing octets: both client libraries write
// it so, and the one for the JVM reads nothing else. What is read shares memory
// with the octets that were parsed.
//
// Nothing here is signed. An item is as trustworthy as the cargo that it came
// in.
package cargo

import "errors"

// ErrMalformed: the octets are not what they should be, or a value to be
// written breaks its rules. Every error about a message wraps it; none goes
// away by trying again.
var ErrMalformed = errors.New("cargo: malformed message")
