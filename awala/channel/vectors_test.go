package channel_test

import (
	"testing"
	"time"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
)

// recipientKeyID is the id of the session key that the vectors are encrypted to.
var recipientKeyID = []byte{1, 2, 3, 4, 5, 6, 7, 8}

func recipientKey(tb testing.TB, stack string) pki.SessionKey {
	tb.Helper()
	key, err := pki.ParseSessionKey(recipientKeyID, vectors.Read(tb, stack+"/key-ec-P-256.pkcs8"))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func certificate(tb testing.TB, name string) *pki.Certificate {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParseCertificate)
}

func parse(tb testing.TB, name string) *ramf.Message {
	tb.Helper()
	return vectors.Parse(tb, name, ramf.Parse)
}

func newKey(tb testing.TB) pki.SessionKey {
	tb.Helper()
	key, err := pki.GenerateSessionKey()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// at is an instant some minutes after the date of the vectors.
func at(minutes int) time.Time { return vectors.Now.Add(time.Duration(minutes) * time.Minute) }
