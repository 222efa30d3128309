package registration_test

import (
	"crypto/rsa"
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

func certificate(tb testing.TB, name string) *pki.Certificate {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParseCertificate)
}

func privateKey(tb testing.TB, name string) *rsa.PrivateKey {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParsePrivateKey)
}

// sessionKey is the session key that the messages of the JavaScript library hold.
func sessionKey(tb testing.TB) pki.SessionPublicKey {
	tb.Helper()
	key, err := pki.ParseSessionPublicKey([]byte{1, 2, 3, 4, 5, 6, 7, 8}, vectors.Read(tb, "js/key-ec-P-256.spki"))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// instant reads a time in RFC 3339.
func instant(tb testing.TB, text string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// variants are what no parser may accept in place of a message that is a DER
// sequence: cut short, continued, in another form.
func variants(der []byte) map[string][]byte {
	indefinite := append(append([]byte{0x30, 0x80}, der[4:]...), 0, 0)
	return map[string][]byte{
		"empty":             nil,
		"first octet alone": der[:1],
		"truncated":         der[:len(der)-1],
		"trailing octet":    append(der[:len(der):len(der)], 0),
		"empty sequence":    {0x30, 0x00},
		"set":               append([]byte{0x31}, der[1:]...),
		"indefinite length": indefinite,
		"twice":             append(der[:len(der):len(der)], der...),
	}
}
