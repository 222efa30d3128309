// Package ber reads the Basic Encoding Rules of ASN.1 (X.690 §8) in place, as far
// as the cryptographic messages of deployed Awala clients need: definite and
// indefinite lengths, and strings in pieces. It also writes the headers of DER.
//
// The standard library and x/crypto read DER alone, and general BER libraries
// recurse as deep as a message tells them to.
//
// Guarantees for input from strangers: no octet is copied but those of a string
// in pieces, once; nesting is capped at [MaxDepth]; the total work on one input is
// capped, however its elements are nested. Every violation is an
// [ErrMalformed], and no input makes this package panic.
package ber
