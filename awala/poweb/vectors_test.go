package poweb_test

import (
	"bytes"
	"crypto/rsa"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

// nonce is what the nonce signatures among the vectors are over.
const nonce = "the-nonce-0123456789"

func certificate(tb testing.TB, name string) *pki.Certificate {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParseCertificate)
}

func privateKey(tb testing.TB, name string) *rsa.PrivateKey {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParsePrivateKey)
}

// trusting is a validator with one trust anchor and no cache.
func trusting(tb testing.TB, name string) *pki.Validator {
	tb.Helper()
	return pki.NewValidator([]*pki.Certificate{certificate(tb, name)}, nil)
}

// variants are what no parser may accept in place of a message that is a DER
// sequence with a length of headerLen-1 octets.
func variants(der []byte, headerLen int) map[string][]byte {
	return map[string][]byte{
		"empty":             nil,
		"first octet alone": der[:1],
		"truncated":         der[:len(der)-1],
		"trailing octet":    append(bytes.Clone(der), 0),
		"empty sequence":    {0x30, 0x00},
		"set":               append([]byte{0x31}, der[1:]...),
		"indefinite length": append(append([]byte{0x30, 0x80}, der[headerLen:]...), 0, 0),
	}
}
