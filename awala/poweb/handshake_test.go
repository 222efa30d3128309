package poweb_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/poweb"
)

func TestChallengeReadsAndMatchesVector(t *testing.T) {
	der := vectors.Read(t, "js/handshakechallenge.der")
	challenge, err := poweb.ParseChallenge(der)
	if err != nil {
		t.Fatal(err)
	}
	if string(challenge.Nonce) != nonce {
		t.Errorf("nonce %q", challenge.Nonce)
	}
	again, err := challenge.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(der, again); diff != "" {
		t.Errorf("written again (-want +got)\n%s", diff)
	}
}

func TestChallengeMatchesCapture(t *testing.T) {
	got, err := poweb.Challenge{Nonce: make([]byte, 16)}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// protocol.md A.4.
	if want := "30128010" + "00000000000000000000000000000000"; hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}

func TestChallengeRefusals(t *testing.T) {
	cases := variants(vectors.Read(t, "js/handshakechallenge.der"), 2)
	cases["empty nonce"] = []byte{0x30, 0x02, 0x80, 0x00}
	cases["second field"] = []byte{0x30, 0x05, 0x80, 0x01, 0x61, 0x81, 0x00}
	cases["universal tag"] = []byte{0x30, 0x03, 0x04, 0x01, 0x61}
	for name, der := range cases {
		if _, err := poweb.ParseChallenge(der); !errors.Is(err, poweb.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
	if _, err := (poweb.Challenge{}).Marshal(); !errors.Is(err, poweb.ErrMalformed) {
		t.Errorf("written without nonce: got %v, want ErrMalformed", err)
	}
}

func TestResponseReadsAndMatchesVector(t *testing.T) {
	der := vectors.Read(t, "js/handshakeresponse.der")
	response, err := poweb.ParseResponse(der)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.NonceSignatures) != 1 {
		t.Fatalf("%d signatures", len(response.NonceSignatures))
	}
	signer, err := poweb.VerifyNonce(response.NonceSignatures[0], []byte(nonce), trusting(t, "js/cert-igw-self.der"), vectors.Now)
	if err != nil {
		t.Fatal(err)
	}
	if !signer.Equal(certificate(t, "js/cert-pgw.der")) {
		t.Error("not signed by the private gateway")
	}
	again, err := response.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(der, again); diff != "" {
		t.Errorf("written again (-want +got)\n%s", diff)
	}
}

func TestResponseRefusals(t *testing.T) {
	cases := variants(vectors.Read(t, "js/handshakeresponse.der"), 4)
	cases["no signatures"] = []byte{0x30, 0x02, 0xa0, 0x00}
	cases["primitive"] = []byte{0x30, 0x03, 0x80, 0x01, 0x61}
	cases["no octet string"] = []byte{0x30, 0x04, 0xa0, 0x02, 0x05, 0x00}
	cases["second field"] = []byte{0x30, 0x07, 0xa0, 0x03, 0x04, 0x01, 0x61, 0x81, 0x00}
	tooMany := bytes.Repeat([]byte{0x04, 0x00}, poweb.MaxNonceSignatures+1)
	cases["too many signatures"] = append([]byte{0x30, byte(len(tooMany) + 2), 0xa0, byte(len(tooMany))}, tooMany...)
	for name, der := range cases {
		if r, err := poweb.ParseResponse(der); !errors.Is(err, poweb.ErrMalformed) {
			t.Errorf("%s: got %v, %v; want ErrMalformed", name, r, err)
		}
	}
	for _, n := range []int{0, poweb.MaxNonceSignatures + 1} {
		r := poweb.Response{NonceSignatures: make([][]byte, n)}
		if _, err := r.Marshal(); !errors.Is(err, poweb.ErrMalformed) {
			t.Errorf("written with %d signatures: got %v, want ErrMalformed", n, err)
		}
	}
}

func TestResponseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		signature := rapid.SliceOfN(rapid.Byte(), 0, 3000)
		want := poweb.Response{NonceSignatures: rapid.SliceOfN(signature, 1, poweb.MaxNonceSignatures).Draw(t, "signatures")}
		der, err := want.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := poweb.ParseResponse(der)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.NonceSignatures) != len(want.NonceSignatures) {
			t.Fatalf("%d signatures", len(got.NonceSignatures))
		}
		for i := range want.NonceSignatures {
			if !bytes.Equal(want.NonceSignatures[i], got.NonceSignatures[i]) {
				t.Fatalf("signature %d differs", i)
			}
		}
	})
}
