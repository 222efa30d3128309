package registration_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/registration"
)

func TestRegistrationReadsAndMatchesVectors(t *testing.T) {
	key := sessionKey(t)
	for name, want := range map[string]struct {
		node, gateway string
		key           *pki.SessionPublicKey
	}{
		"js/pnr.der":           {"js/cert-pgw.der", "js/cert-igw-self.der", &key},
		"js/pnr-nosession.der": {"js/cert-epA.der", "js/cert-pgw.der", nil},
	} {
		t.Run(name, func(t *testing.T) {
			der := vectors.Read(t, name)
			r, err := registration.ParseRegistration(der)
			if err != nil {
				t.Fatal(err)
			}
			if !r.NodeCertificate.Equal(certificate(t, want.node)) {
				t.Errorf("not the certificate in %s", want.node)
			}
			if !r.GatewayCertificate.Equal(certificate(t, want.gateway)) {
				t.Errorf("not the certificate in %s", want.gateway)
			}
			if r.InternetAddress != "igw.awala.test" {
				t.Errorf("Internet address %q", r.InternetAddress)
			}
			if (r.SessionKey == nil) != (want.key == nil) || (want.key != nil && !r.SessionKey.Equal(*want.key)) {
				t.Errorf("session key %+v, want %+v", r.SessionKey, want.key)
			}
			again, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(der, again); diff != "" {
				t.Errorf("written again (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRegistrationRefusals(t *testing.T) {
	der := string(vectors.Read(t, "js/pnr.der"))
	cases := variants([]byte(der))
	for name, replace := range map[string][2]string{
		"address with underscore":  {"igw.awala.test", "igw_awala.test"},
		"address of one label":     {"igw.awala.test", "igw-awala-test"},
		"IP address":               {"igw.awala.test", "192.168.100.12"},
		"address with dot at end":  {"igw.awala.test", "igw.awala.tes."},
		"empty label":              {"igw.awala.test", "igw..wala.test"},
		"digits at top":            {"igw.awala.test", "igw.awala.t3st"},
		"node certificate":         {"\x80\x82\x04\x7e\x30\x82", "\x80\x82\x04\x7e\x31\x82"},
		"gateway certificate":      {"\x81\x82\x04\x7e\x30\x82", "\x81\x82\x04\x7e\x31\x82"},
		"session key not by curve": {"\x81\x5b\x30\x59", "\x81\x5b\x30\x58"},
		"session key primitive":    {"\xa3\x67\x80\x08", "\x83\x67\x80\x08"},
		"session key without id":   {"\xa3\x67\x80\x08", "\xa3\x67\x84\x08"},
	} {
		changed := strings.Replace(der, replace[0], replace[1], 1)
		if changed == der {
			t.Fatalf("%s: nothing to replace", name)
		}
		cases[name] = []byte(changed)
	}
	for name, der := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := registration.ParseRegistration(der); !errors.Is(err, registration.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestRegistrationMarshalRefusals(t *testing.T) {
	valid := func() *registration.Registration {
		key := sessionKey(t)
		return &registration.Registration{
			NodeCertificate:    certificate(t, "js/cert-pgw.der"),
			GatewayCertificate: certificate(t, "js/cert-igw-self.der"),
			InternetAddress:    "gw.example.com",
			SessionKey:         &key,
		}
	}
	for name, spoil := range map[string]func(*registration.Registration){
		"no node certificate":    func(r *registration.Registration) { r.NodeCertificate = nil },
		"no gateway certificate": func(r *registration.Registration) { r.GatewayCertificate = nil },
		"no address":             func(r *registration.Registration) { r.InternetAddress = "" },
		"localhost":              func(r *registration.Registration) { r.InternetAddress = "localhost" },
		"session key without id": func(r *registration.Registration) { r.SessionKey.ID = nil },
		"no session key":         func(r *registration.Registration) { r.SessionKey = &pki.SessionPublicKey{ID: []byte{1}} },
	} {
		r := valid()
		spoil(r)
		if _, err := r.Marshal(); !errors.Is(err, registration.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
	if _, err := valid().Marshal(); err != nil {
		t.Errorf("nothing spoilt: %v", err)
	}
}

func TestAddressesThatEveryClientAccepts(t *testing.T) {
	for address, want := range map[string]bool{
		"gw.example.com":                        true,
		"GW.Example.COM":                        true,
		"frankfurt.relaycorp.cloud":             true,
		"a.xn--p1ai":                            true,
		"gw.example.c":                          false,
		"gw.example.co-m":                       false,
		"gw.example." + strings.Repeat("m", 25): false,
		strings.Repeat("a.", 600) + "com":       false,
		"-gw.example.com":                       false,
		"https://example.com":                   false,
		"example.com:443":                       false,
		"example.com/":                          false,
	} {
		p := registration.ConnectionParams{
			InternetAddress: address,
			IdentityKey:     certificate(t, "js/cert-igw-self.der").PublicKey(),
			SessionKey:      sessionKey(t),
		}
		if _, err := p.Marshal(); (err == nil) != want {
			t.Errorf("%s: error %v", address, err)
		}
	}
}
