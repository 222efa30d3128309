package registration_test

import (
	"bytes"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/registration"
)

func FuzzParseAuthorization(f *testing.F) {
	f.Add(vectors.Read(f, "js/pnra.der"))
	f.Add(vectors.Read(f, "jvm/pnra.der"))
	gateway := certificate(f, "js/cert-igw-self.der").PublicKey()
	genuine := vectors.Read(f, "js/pnra.der")
	f.Fuzz(func(t *testing.T, input []byte) {
		a, err := registration.ParseAuthorization(input)
		if err != nil {
			return
		}
		if a.Verify(gateway, vectors.Now) == nil && !bytes.Equal(input, genuine) {
			t.Fatalf("a forgery verifies: %x", input)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add(vectors.Read(f, "js/pnrr.der"))
	f.Add(vectors.Read(f, "jvm/pnrr.der"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if r, err := registration.ParseRequest(input); err == nil {
			_ = r.Verify()
		}
	})
}

func FuzzParseRegistration(f *testing.F) {
	f.Add(vectors.Read(f, "js/pnr.der"))
	f.Add(vectors.Read(f, "js/pnr-nosession.der"))
	f.Fuzz(func(t *testing.T, input []byte) {
		r, err := registration.ParseRegistration(input)
		if err != nil {
			return
		}
		if _, err := r.Marshal(); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

func FuzzParseConnectionParams(f *testing.F) {
	f.Add(vectors.Read(f, "js/nodeconnectionparams.der"))
	f.Fuzz(func(t *testing.T, input []byte) {
		p, err := registration.ParseConnectionParams(input)
		if err != nil {
			return
		}
		if _, err := p.Marshal(); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
