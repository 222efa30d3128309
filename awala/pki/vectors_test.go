package pki

import (
	"bytes"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/internal/vectors"
)

func readCertificate(tb testing.TB, name string) *Certificate {
	tb.Helper()
	c, err := ParseCertificate(vectors.Read(tb, name))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return c
}

func readKey(tb testing.TB, name string) *rsa.PrivateKey {
	tb.Helper()
	key, err := ParsePrivateKey(vectors.Read(tb, name))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return key
}

// readIDs returns the node ids of the key owners; both stacks use the same names.
func readIDs(tb testing.TB) map[string]string {
	tb.Helper()
	ids := map[string]string{}
	if err := json.Unmarshal(vectors.Read(tb, "js/ids.json"), &ids); err != nil {
		tb.Fatal(err)
	}
	return ids
}

func TestIdentityKeyVectors(t *testing.T) {
	ids := readIDs(t)
	for _, name := range vectors.Glob(t, "*/key-rsa-*.spki") {
		t.Run(name, func(t *testing.T) {
			spki := vectors.Read(t, name)
			public, err := ParsePublicKey(spki)
			if err != nil {
				t.Fatal(err)
			}
			again, err := MarshalPublicKey(public)
			if err != nil || !bytes.Equal(again, spki) {
				t.Errorf("encoded differently (error %v)", err)
			}
			private := readKey(t, strings.TrimSuffix(name, ".spki")+".pkcs8")
			if !private.PublicKey.Equal(public) {
				t.Error("private key is another's")
			}
			id, err := NodeID(public)
			if err != nil || !ValidNodeID(id) {
				t.Errorf("node id %q, error %v", id, err)
			}
			owner := strings.TrimSuffix(path.Base(name)[len("key-rsa-"):], ".spki")
			if want := ids[owner]; path.Dir(name) == "js" && id != want {
				t.Errorf("node id %q, want %q", id, want)
			}
		})
	}
}

func TestSessionKeyVectors(t *testing.T) {
	for _, name := range vectors.Glob(t, "*/key-ec-*.spki") {
		t.Run(name, func(t *testing.T) {
			spki := vectors.Read(t, name)
			public, err := ParseSessionPublicKey([]byte("id"), spki)
			if err != nil {
				t.Fatal(err)
			}
			again, err := public.Marshal()
			if err != nil || !bytes.Equal(again, spki) {
				t.Errorf("encoded differently (error %v)", err)
			}
			private, err := ParseSessionKey([]byte("id"), vectors.Read(t, strings.TrimSuffix(name, ".spki")+".pkcs8"))
			if err != nil {
				t.Fatal(err)
			}
			if !private.Public().Equal(public) {
				t.Error("private key is another's")
			}
		})
	}
}

func TestCertificateVectors(t *testing.T) {
	for _, name := range vectors.Glob(t, "*/cert-*.der") {
		t.Run(name, func(t *testing.T) {
			der := vectors.Read(t, name)
			c := readCertificate(t, name)
			if !bytes.Equal(c.DER(), der) {
				t.Error("octets differ")
			}
			if !ValidNodeID(c.SubjectID()) || !ValidNodeID(c.IssuerID()) {
				t.Errorf("subject %q, issuer %q", c.SubjectID(), c.IssuerID())
			}
			expired := strings.Contains(name, "expiry-2055") // written as 1955
			if err := c.CheckValidity(vectors.Now); (err != nil) != expired {
				t.Errorf("validity: %v", err)
			}
			if c.IsSelfIssued() != (c.SubjectID() == c.IssuerID()) {
				t.Error("name and key identifier disagree about who issued it")
			}
			if c.IsSelfIssued() && c.CheckSignatureFrom(c) != nil {
				t.Error("own signature does not verify")
			}
			if c.IsCA() == isDelivery(name) {
				t.Errorf("authority: %v", c.IsCA())
			}
		})
	}
}

// isDelivery tells whether the certificate has the profile of a delivery
// authorisation. The JavaScript gateway's CDA has that of a gateway.
func isDelivery(name string) bool {
	return strings.Contains(name, "pda") || strings.Contains(name, "cda") && name != "js/cert-cda-igw-by-pgw.der"
}

func TestCertificateSerials(t *testing.T) {
	issuer := readCertificate(t, "js/cert-pgw.der")
	for name, want := range map[string]string{
		"js/cert-serial-nonminimal.der":     "0012",
		"js/cert-serial-leading7f.der":      "7fff",
		"js/cert-serial-leading00-high.der": "0092",
	} {
		c := readCertificate(t, name)
		if got := hexPrefix(c.RawSerial(), 2); got != want {
			t.Errorf("%s: serial starts with %s, want %s", name, got, want)
		}
		if !c.HasSerial(c.RawSerial()) || !c.HasSerial(minimalInteger(c.RawSerial())) {
			t.Errorf("%s: own serial is not recognised", name)
		}
		if c.HasSerial(append([]byte{1}, c.RawSerial()...)) || c.HasSerial(nil) {
			t.Errorf("%s: another serial is recognised", name)
		}
		if err := c.CheckSignatureFrom(issuer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificationPathVectors(t *testing.T) {
	for _, name := range vectors.Glob(t, "*/certificationpath.der") {
		t.Run(name, func(t *testing.T) {
			der := vectors.Read(t, name)
			got, err := ParseCertificationPath(der)
			if err != nil {
				t.Fatal(err)
			}
			folder := path.Dir(name)
			want := &CertificationPath{
				Leaf: readCertificate(t, folder+"/cert-pgw.der"),
				CAs:  []*Certificate{readCertificate(t, folder+"/cert-igw-self.der")},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			again, err := got.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if sameForm := bytes.Equal(again, der); sameForm != (folder == "js") {
				t.Errorf("written in the form that was read: %v", sameForm)
			}
			reread, err := ParseCertificationPath(again)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, reread); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPathVectors runs the path cases. The verdicts are those of the JavaScript library
// except for the path length, which it does not check.
func TestPathVectors(t *testing.T) {
	cases := map[string]struct {
		length int
		err    []error
	}{
		"ca-false-issuer":                     {0, []error{ErrUntrusted, ErrNotCA}},
		"expired-intermediate":                {0, []error{ErrUntrusted, ErrExpired}},
		"expired-leaf":                        {0, []error{ErrExpired}},
		"forged-signature":                    {0, []error{ErrUntrusted, ErrSignature}},
		"future-leaf":                         {0, []error{ErrNotYetValid}},
		"missing-intermediate":                {0, []error{ErrUntrusted}},
		"no-trusted":                          {0, []error{ErrUntrusted}},
		"ok-full":                             {4, nil},
		"ok-with-root-attached":               {4, nil},
		"pathlen-exceeded":                    {0, []error{ErrUntrusted, ErrPathTooLong}},
		"self-issued-copy-of-issuer-attached": {4, nil},
		"untrusted-root":                      {0, []error{ErrUntrusted}},
	}
	if folders := vectors.Glob(t, "paths/*"); len(folders) != len(cases) {
		t.Errorf("%d cases for %d vectors", len(cases), len(folders))
	}
	for name, want := range cases {
		for _, cache := range []*SignatureCache{nil, NewSignatureCache(100, 1<<40)} {
			t.Run(name, func(t *testing.T) {
				leaf, intermediates, trusted := readPathCase(t, name)
				for range 2 { // the second time with a warm cache
					got, err := NewValidator(trusted, cache).Path(leaf, intermediates, vectors.Now)
					for _, wanted := range want.err {
						if !errors.Is(err, wanted) {
							t.Errorf("got error %v, want %v", err, wanted)
						}
					}
					if len(got) != want.length || err != nil && want.err == nil {
						t.Errorf("got %d certificates, want %d; error %v", len(got), want.length, err)
					}
				}
			})
		}
	}
}

func readPathCase(tb testing.TB, name string) (leaf *Certificate, intermediates, trusted []*Certificate) {
	for _, file := range vectors.Glob(tb, "paths/"+name+"/*.der") {
		c := readCertificate(tb, file)
		switch base := path.Base(file); {
		case base == "leaf.der":
			leaf = c
		case strings.HasPrefix(base, "inter-"):
			intermediates = append(intermediates, c)
		case strings.HasPrefix(base, "trust-"):
			trusted = append(trusted, c)
		}
	}
	return leaf, intermediates, trusted
}

func hexPrefix(octets []byte, n int) string { return hex.EncodeToString(octets[:n]) }
