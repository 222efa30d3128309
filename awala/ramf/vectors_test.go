package ramf_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

func certificate(tb testing.TB, name string) *pki.Certificate {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParseCertificate)
}

func privateKey(tb testing.TB, name string) *rsa.PrivateKey {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParsePrivateKey)
}

// nodeID computes the id of a node from its key.
func nodeID(tb testing.TB, stack, node string) string {
	tb.Helper()
	return fmt.Sprintf("0%x", sha256.Sum256(vectors.Read(tb, stack+"/key-rsa-"+node+".spki")))
}

// trusting is a validator with one trust anchor and no cache.
func trusting(tb testing.TB, name string) *pki.Validator {
	tb.Helper()
	return pki.NewValidator([]*pki.Certificate{certificate(tb, name)}, nil)
}

// parcelKey is the key of endpoint B, which signs the parcels of these tests.
func parcelKey(tb testing.TB) *rsa.PrivateKey { return privateKey(tb, "js/key-rsa-epB.pkcs8") }

// newParcel is a valid parcel from endpoint B to endpoint A, with the
// certificates that lead to the Internet gateway's.
func newParcel(tb testing.TB, payload []byte) *ramf.Message {
	tb.Helper()
	return &ramf.Message{
		Type:      ramf.TypeParcel,
		Recipient: ramf.Recipient{ID: nodeID(tb, "js", "epA")},
		ID:        "7f8c1b0e-9d0a-4c69-8a60-1f6f0f1d3c55",
		CreatedAt: vectors.Now,
		TTL:       24 * time.Hour,
		Payload:   payload,
		Sender:    certificate(tb, "js/cert-pda-epB-by-epA.der"),
		Attached:  []*pki.Certificate{certificate(tb, "js/cert-epA.der"), certificate(tb, "js/cert-pgw.der")},
	}
}

// sign serialises a message that must be valid.
func sign(tb testing.TB, m *ramf.Message, key *rsa.PrivateKey) []byte {
	tb.Helper()
	raw, err := m.Sign(key)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// signContent makes a message of any content, with a sound signature.
func signContent(tb testing.TB, formatSignature string, content []byte) []byte {
	tb.Helper()
	signed, err := cms.Sign(content, parcelKey(tb), certificate(tb, "js/cert-pda-epB-by-epA.der"))
	if err != nil {
		tb.Fatal(err)
	}
	return append([]byte(formatSignature), signed...)
}

// contentOf is the content that a message's signature is over.
func contentOf(tb testing.TB, raw []byte) []byte {
	tb.Helper()
	signed, err := cms.ParseSigned(raw[7:])
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.Clone(signed.Content())
}
