package registration_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/registration"
)

func TestAuthorizationReadsVectors(t *testing.T) {
	for _, stack := range vectors.Stacks {
		t.Run(stack, func(t *testing.T) {
			a, err := registration.ParseAuthorization(vectors.Read(t, stack+"/pnra.der"))
			if err != nil {
				t.Fatal(err)
			}
			if want := instant(t, "2049-12-01T00:00:00Z"); !a.ExpiresAt.Equal(want) {
				t.Errorf("expires at %s, want %s", a.ExpiresAt, want)
			}
			if string(a.GatewayData) != "gateway-data" {
				t.Errorf("gateway data %q", a.GatewayData)
			}
			gateway := certificate(t, stack+"/cert-igw-self.der").PublicKey()
			if err := a.Verify(gateway, a.ExpiresAt); err != nil {
				t.Errorf("at its expiry: %v", err)
			}
			if err := a.Verify(gateway, a.ExpiresAt.Add(time.Nanosecond)); !errors.Is(err, registration.ErrExpired) {
				t.Errorf("after its expiry: got %v, want ErrExpired", err)
			}
			other := certificate(t, stack+"/cert-pgw.der").PublicKey()
			if err := a.Verify(other, vectors.Now); !errors.Is(err, registration.ErrSignature) {
				t.Errorf("other key: got %v, want ErrSignature", err)
			}
		})
	}
}

func TestAuthorizationAnyFlippedBitIsRefused(t *testing.T) {
	der := vectors.Read(t, "js/pnra.der")
	gateway := certificate(t, "js/cert-igw-self.der").PublicKey()
	for i := range 8 * len(der) {
		flipped := bytes.Clone(der)
		flipped[i/8] ^= 1 << (i % 8)
		a, err := registration.ParseAuthorization(flipped)
		if err == nil {
			err = a.Verify(gateway, vectors.Now)
		}
		if err == nil {
			t.Fatalf("bit %d of octet %d flipped: no error", i%8, i/8)
		}
	}
}

func TestAuthorizationRefusals(t *testing.T) {
	der := vectors.Read(t, "js/pnra.der")
	cases := variants(der)
	const head, tail = "3018800e", "810164820178"
	for name, expiry := range map[string]string{
		"month 13":     "20261301000000",
		"30 February":  "20260230000000",
		"hour 24":      "20260201240000",
		"letter":       "2026020100000a",
		"space":        "2026020100 000",
		"sign in year": "+2260201000000",
	} {
		cases["expiry: "+name] = mustHex(t, head+hex.EncodeToString([]byte(expiry))+tail)
	}
	for name, expiry := range map[string]string{
		"12 digits": "202602010000",
		"Z suffix":  "20260201000000Z",
		"fraction":  "20260201000000.5",
		"empty":     "",
	} {
		field := string([]byte{0x80, byte(len(expiry))}) + expiry + "\x81\x01d\x82\x01x"
		cases["expiry: "+name] = []byte(string([]byte{0x30, byte(len(field))}) + field)
	}
	for name, der := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := registration.ParseAuthorization(der); !errors.Is(err, registration.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func mustHex(t *testing.T, digits string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func TestAuthorizationSignatureInputMatchesCapture(t *testing.T) {
	data := bytes.Repeat([]byte{0xab}, 32)
	// protocol.md A.5: the object identifier, the expiry, the gateway data.
	input := mustHex(t, "303f"+"800b2b0601040183ca54000200"+
		"810e"+hex.EncodeToString([]byte("20261115000010"))+"8220"+hex.EncodeToString(data))
	recorder := &digestRecorder{Signer: privateKey(t, "js/key-rsa-igw.pkcs8")}
	a := registration.Authorization{ExpiresAt: vectors.Now.Add(10 * time.Second), GatewayData: data}
	der, err := a.Sign(recorder)
	if err != nil {
		t.Fatal(err)
	}
	hash := crypto.SHA256.New()
	hash.Write(input)
	if !bytes.Equal(recorder.digest, hash.Sum(nil)) {
		t.Error("another input was signed")
	}
	if want := (&rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}); *recorder.opts.(*rsa.PSSOptions) != *want {
		t.Errorf("signed with %+v", recorder.opts)
	}
	// A.4: lengths of the fields of a real authorisation.
	if prefix := mustHex(t, "30820136800e"); !bytes.HasPrefix(der, prefix) || len(der) != 314 {
		t.Errorf("%d octets, starting with %x", len(der), der[:6])
	}
}

// digestRecorder keeps what it was asked to sign.
type digestRecorder struct {
	crypto.Signer
	digest []byte
	opts   crypto.SignerOpts
}

func (r *digestRecorder) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	r.digest, r.opts = digest, opts
	return r.Signer.Sign(random, digest, opts)
}

func TestAuthorizationRoundTrip(t *testing.T) {
	key := privateKey(t, "js/key-rsa-igw.pkcs8")
	rapid.Check(t, func(t *rapid.T) {
		want := registration.Authorization{
			ExpiresAt:   time.Unix(rapid.Int64Range(0, 250_000_000_000).Draw(t, "expiry"), 0).UTC(),
			GatewayData: rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		der, err := want.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := registration.ParseAuthorization(der)
		if err != nil {
			t.Fatal(err)
		}
		if !got.ExpiresAt.Equal(want.ExpiresAt) || !bytes.Equal(got.GatewayData, want.GatewayData) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		if err := got.Verify(&key.PublicKey, want.ExpiresAt); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAuthorizationSignErrors(t *testing.T) {
	outage := errors.New("outage")
	a := registration.Authorization{ExpiresAt: vectors.Now}
	if _, err := a.Sign(brokenSigner{outage}); !errors.Is(err, outage) {
		t.Errorf("broken key: got %v", err)
	}
	a.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := a.Sign(brokenSigner{outage}); !errors.Is(err, registration.ErrMalformed) {
		t.Errorf("year 10000: got %v, want ErrMalformed", err)
	}
	if err := a.Verify(nil, vectors.Now); !errors.Is(err, registration.ErrMalformed) {
		t.Errorf("year 10000 verified: got %v, want ErrMalformed", err)
	}
}

// brokenSigner is a key whose service is down.
type brokenSigner struct{ err error }

func (b brokenSigner) Public() crypto.PublicKey { return nil }

func (b brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, b.err }
