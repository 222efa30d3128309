package poweb_test

import (
	"bytes"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/poweb"
)

// fuzzRoundTrip feeds a parser whose result, written again, must be what was
// read, because DER is unique.
func fuzzRoundTrip(f *testing.F, seed string, rewrite func([]byte) (der []byte, parsed bool, err error)) {
	f.Add(vectors.Read(f, seed))
	f.Fuzz(func(t *testing.T, input []byte) {
		der, parsed, err := rewrite(input)
		if !parsed {
			return
		}
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if !bytes.Equal(input, der) {
			t.Fatalf("read %x, wrote %x", input, der)
		}
	})
}

func FuzzParseChallenge(f *testing.F) {
	fuzzRoundTrip(f, "js/handshakechallenge.der", func(input []byte) ([]byte, bool, error) {
		challenge, err := poweb.ParseChallenge(input)
		if err != nil {
			return nil, false, nil
		}
		der, err := challenge.Marshal()
		return der, true, err
	})
}

func FuzzParseResponse(f *testing.F) {
	fuzzRoundTrip(f, "js/handshakeresponse.der", func(input []byte) ([]byte, bool, error) {
		response, err := poweb.ParseResponse(input)
		if err != nil {
			return nil, false, nil
		}
		der, err := response.Marshal()
		return der, true, err
	})
}

func FuzzParseParcelDelivery(f *testing.F) {
	fuzzRoundTrip(f, "js/parceldelivery.der", func(input []byte) ([]byte, bool, error) {
		delivery, err := poweb.ParseParcelDelivery(input)
		if err != nil {
			return nil, false, nil
		}
		der, err := delivery.Marshal()
		return der, true, err
	})
}

func FuzzVerifyNonce(f *testing.F) {
	f.Add(vectors.Read(f, "js/sig-nonce.der"))
	f.Add(vectors.Read(f, "jvm/sig-nonce.ber"))
	gateway, signer := trusting(f, "js/cert-igw-self.der"), certificate(f, "js/cert-pgw.der")
	f.Fuzz(func(t *testing.T, signature []byte) {
		got, err := poweb.VerifyNonce(signature, []byte(nonce), gateway, vectors.Now)
		if err == nil && !got.Equal(signer) {
			t.Fatalf("a forgery verifies: %x", signature)
		}
	})
}
