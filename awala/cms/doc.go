// Package cms is the part of the Cryptographic Message Syntax (RFC 5652) that
// Awala uses: SignedData with one RSA-PSS signature (RS-001, RS-018), and
// EnvelopedData for one recipient by elliptic curve key agreement (RFC 5753,
// RS-003).
//
// It reads BER as the deployed clients write it, with indefinite lengths and
// strings in pieces, and writes DER. Input of any size and shape costs at most
// time in proportion to its length.
//
// Guarantees: a [Signature] exists only for content whose signature was verified
// with the key of the very certificate that it names, and all failures to decrypt
// look alike. Whether the signer is trusted is not decided here but by
// [awala.network/gateway/awala/pki.Validator].
package cms
