package registration_test

import (
	"bytes"
	"errors"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/registration"
)

func TestRequestReadsVectors(t *testing.T) {
	for _, stack := range vectors.Stacks {
		t.Run(stack, func(t *testing.T) {
			r, err := registration.ParseRequest(vectors.Read(t, stack+"/pnrr.der"))
			if err != nil {
				t.Fatal(err)
			}
			if !r.Key.Equal(certificate(t, stack+"/cert-pgw.der").PublicKey()) {
				t.Error("the key is not the private gateway's")
			}
			if !bytes.Equal(r.Authorization, vectors.Read(t, stack+"/pnra.der")) {
				t.Error("the authorisation is not enclosed verbatim")
			}
			if err := r.Verify(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRequestAnyFlippedBitIsRefused(t *testing.T) {
	der := vectors.Read(t, "js/pnrr.der")
	for i := range 8 * len(der) {
		flipped := bytes.Clone(der)
		flipped[i/8] ^= 1 << (i % 8)
		r, err := registration.ParseRequest(flipped)
		if err == nil {
			err = r.Verify()
		}
		if err == nil {
			t.Fatalf("bit %d of octet %d flipped: no error", i%8, i/8)
		}
	}
}

func TestRequestRefusals(t *testing.T) {
	cases := variants(vectors.Read(t, "js/pnrr.der"))
	cases["no key"] = []byte("\x30\x08\x80\x00\x81\x01a\x82\x01s")
	cases["missing countersignature"] = []byte("\x30\x05\x80\x00\x81\x01a")
	cases["authorisation in its place"] = vectors.Read(t, "js/pnra.der")
	for name, der := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := registration.ParseRequest(der); !errors.Is(err, registration.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}

func TestRequestRoundTrip(t *testing.T) {
	key := privateKey(t, "js/key-rsa-pgw.pkcs8")
	authorization := vectors.Read(t, "js/pnra.der")
	der, err := (&registration.Request{Key: &key.PublicKey, Authorization: authorization}).Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	// Only the signature, the last 256 octets, is not the same every time.
	if want := vectors.Read(t, "js/pnrr.der"); !bytes.Equal(der[:len(der)-256], want[:len(want)-256]) {
		t.Error("differs from the vector before the countersignature")
	}
	got, err := registration.ParseRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(); err != nil {
		t.Error(err)
	}
}

func TestRequestOfAnotherKeyDoesNotVerify(t *testing.T) {
	key := privateKey(t, "js/key-rsa-pgw.pkcs8")
	request := registration.Request{Key: certificate(t, "js/cert-epA.der").PublicKey(), Authorization: []byte("a")}
	der, err := request.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := registration.ParseRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(); !errors.Is(err, registration.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
}

func TestRequestSignErrors(t *testing.T) {
	outage := errors.New("outage")
	if _, err := (&registration.Request{}).Sign(brokenSigner{outage}); !errors.Is(err, registration.ErrMalformed) {
		t.Errorf("no key: got %v, want ErrMalformed", err)
	}
	r := registration.Request{Key: certificate(t, "js/cert-epA.der").PublicKey()}
	if _, err := r.Sign(brokenSigner{outage}); !errors.Is(err, outage) {
		t.Errorf("broken key: got %v", err)
	}
}
