package registration_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/registration"
)

func TestConnectionParamsReadAndMatchVector(t *testing.T) {
	der := vectors.Read(t, "js/nodeconnectionparams.der")
	p, err := registration.ParseConnectionParams(der)
	if err != nil {
		t.Fatal(err)
	}
	if p.InternetAddress != "igw.awala.test" {
		t.Errorf("Internet address %q", p.InternetAddress)
	}
	if !p.IdentityKey.Equal(certificate(t, "js/cert-igw-self.der").PublicKey()) {
		t.Error("not the Internet gateway's identity key")
	}
	if !p.SessionKey.Equal(sessionKey(t)) {
		t.Errorf("session key %+v", p.SessionKey)
	}
	again, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(der, again); diff != "" {
		t.Errorf("written again (-want +got)\n%s", diff)
	}
}

func TestConnectionParamsRefusals(t *testing.T) {
	cases := variants(vectors.Read(t, "js/nodeconnectionparams.der"))
	cases["registration in its place"] = vectors.Read(t, "js/pnr.der")
	cases["no session key"] = []byte("\x30\x10\x80\x0bexample.com\x81\x01k")
	for name, der := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := registration.ParseConnectionParams(der); !errors.Is(err, registration.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
	p := registration.ConnectionParams{InternetAddress: "example.com", SessionKey: sessionKey(t)}
	if _, err := p.Marshal(); !errors.Is(err, registration.ErrMalformed) {
		t.Errorf("written without identity key: got %v, want ErrMalformed", err)
	}
}
