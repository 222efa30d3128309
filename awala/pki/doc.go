// Package pki is the Awala public key infrastructure: identity and session keys,
// node ids, certificates, certification paths and their validation.
//
// It follows RS-000 (addressing), RS-002 (Awala PKI) and RS-018 (algorithms), and
// RFC 5280 below them, as far as deployed clients do: names are BMPStrings, keys
// are rsaEncryption with NULL parameters, signatures are RSA-PSS with MGF1, the
// same hash throughout and a salt as long as the hash.
//
// Guarantees: a [Certificate] is immutable, has an RSA key of an accepted size
// and keeps the octets that it was read from, so that what was signed is what is
// compared and passed on. A [Path] starts with the very certificate that was
// asked about; nothing is ever looked up by what a certificate merely claims.
// All types are safe for concurrent use.
package pki
