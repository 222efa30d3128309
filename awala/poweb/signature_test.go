package poweb_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"awala.network/gateway/awala/cms"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/poweb"
)

// extensions of the signatures among the vectors.
var extension = map[string]string{"js": ".der", "jvm": ".ber"}

func TestVerifyReadsVectors(t *testing.T) {
	for _, stack := range vectors.Stacks {
		t.Run(stack, func(t *testing.T) {
			gateway, parcel := trusting(t, stack+"/cert-igw-self.der"), vectors.Read(t, stack+"/parcel-to-internet.ramf")
			nonceSignature := vectors.Read(t, stack+"/sig-nonce"+extension[stack])
			parcelSignature := vectors.Read(t, stack+"/sig-parcel-delivery"+extension[stack])

			signer, err := poweb.VerifyNonce(nonceSignature, []byte(nonce), gateway, vectors.Now)
			if err != nil || !signer.Equal(certificate(t, stack+"/cert-pgw.der")) {
				t.Errorf("nonce: %v", err)
			}
			signer, err = poweb.VerifyParcel(parcelSignature, parcel, gateway, vectors.Now)
			if err != nil || !signer.Equal(certificate(t, stack+"/cert-pgw.der")) {
				t.Errorf("parcel: %v", err)
			}
			// The two kinds cannot stand in for each other.
			if _, err := poweb.VerifyParcel(nonceSignature, []byte(nonce), gateway, vectors.Now); !errors.Is(err, poweb.ErrSignature) {
				t.Errorf("nonce signature for a parcel: got %v, want ErrSignature", err)
			}
			if _, err := poweb.VerifyNonce(parcelSignature, parcel, gateway, vectors.Now); !errors.Is(err, poweb.ErrSignature) {
				t.Errorf("countersignature for a nonce: got %v, want ErrSignature", err)
			}
		})
	}
}

func TestSignatureInputsMatchCaptures(t *testing.T) {
	key, signer := privateKey(t, "js/key-rsa-pgw.pkcs8"), certificate(t, "js/cert-pgw.der")
	data := make([]byte, 16)
	for name, test := range map[string]struct {
		sign  func([]byte, crypto.Signer, *pki.Certificate) ([]byte, error)
		input string
	}{
		// protocol.md A.5 and 4.10.
		"nonce":  {poweb.SignNonce, "301f800b2b0601040183ca540003018110" + hex.EncodeToString(data)},
		"parcel": {poweb.CountersignParcel, "301f800b2b0601040183ca540003008110" + hex.EncodeToString(data)},
	} {
		t.Run(name, func(t *testing.T) {
			signature, err := test.sign(data, key, signer)
			if err != nil {
				t.Fatal(err)
			}
			input, err := hex.DecodeString(test.input)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := cms.ParseSigned(signature)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parsed.VerifyDetached(input); err != nil {
				t.Errorf("another input was signed: %v", err)
			}
		})
	}
}

func TestVerifyRefusals(t *testing.T) {
	key, gateway := privateKey(t, "js/key-rsa-pgw.pkcs8"), trusting(t, "js/cert-igw-self.der")
	sign := func(key *rsa.PrivateKey, name string) []byte {
		signature, err := poweb.SignNonce([]byte(nonce), key, certificate(t, name))
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	genuine := sign(key, "js/cert-pgw.der")
	for name, test := range map[string]struct {
		signature []byte
		nonce     string
		validator *pki.Validator
		at        time.Time
		want      error
	}{
		"empty":              {signature: []byte{}, want: poweb.ErrMalformed},
		"truncated":          {signature: genuine[:len(genuine)-1], want: poweb.ErrMalformed},
		"trailing octet":     {signature: append(bytes.Clone(genuine), 0), want: poweb.ErrMalformed},
		"content attached":   {signature: vectors.Read(t, "js/signeddata-attached.der"), want: poweb.ErrMalformed},
		"other nonce":        {nonce: "another-nonce-456789", want: poweb.ErrSignature},
		"empty nonce":        {nonce: "\x00", want: poweb.ErrSignature},
		"bare CMS signature": {signature: vectors.Read(t, "js/signeddata-detached.der"), nonce: "hello", want: poweb.ErrSignature},
		"other gateway":      {validator: trusting(t, "jvm/cert-igw-self.der"), want: poweb.ErrUntrusted},
		"nobody trusted":     {validator: pki.NewValidator(nil, nil), want: poweb.ErrUntrusted},
		"self-issued signer": {signature: sign(key, "js/cert-pgw-self.der"), want: poweb.ErrUntrusted},
		"endpoint, issued by a private gateway": {
			signature: sign(privateKey(t, "js/key-rsa-epA.pkcs8"), "js/cert-epA.der"), want: poweb.ErrUntrusted,
		},
		"the Internet gateway itself": {
			signature: sign(privateKey(t, "js/key-rsa-igw.pkcs8"), "js/cert-igw-self.der"), want: poweb.ErrUntrusted,
		},
		"expired certificate": {at: time.Date(2049, 12, 2, 0, 0, 0, 0, time.UTC), want: poweb.ErrUntrusted},
		"future certificate":  {at: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC), want: poweb.ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			signature, text, validator, at := genuine, nonce, gateway, vectors.Now
			if test.signature != nil {
				signature = test.signature
			}
			if test.nonce != "" {
				text = test.nonce
			}
			if test.validator != nil {
				validator = test.validator
			}
			if !test.at.IsZero() {
				at = test.at
			}
			if _, err := poweb.VerifyNonce(signature, []byte(text), validator, at); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestVerifyRefusesEndpointWithItsIssuerAttached(t *testing.T) {
	// The endpoint's certificate leads to the gateway's by way of the private
	// gateway's, which is attached. It is not to be used.
	endpoint := privateKey(t, "js/key-rsa-epA.pkcs8")
	detached, err := poweb.SignNonce([]byte(nonce), endpoint, certificate(t, "js/cert-epA.der"))
	if err != nil {
		t.Fatal(err)
	}
	issuer := certificate(t, "js/cert-pgw.der").DER()
	own := certificate(t, "js/cert-epA.der").DER()
	at := bytes.Index(detached, own)
	// Make room for the certificate in the four lengths around it.
	grown := append(append(bytes.Clone(detached[:at+len(own)]), issuer...), detached[at+len(own):]...)
	for _, header := range lengthsAround(detached, at) {
		length := int(grown[header])<<8 | int(grown[header+1])
		length += len(issuer)
		grown[header], grown[header+1] = byte(length>>8), byte(length)
	}
	parsed, err := cms.ParseSigned(grown)
	if err != nil {
		t.Fatalf("the test made a broken message: %v", err)
	}
	if parsed.Content() != nil {
		t.Fatal("content attached")
	}
	_, err = poweb.VerifyNonce(grown, []byte(nonce), trusting(t, "js/cert-igw-self.der"), vectors.Now)
	if !errors.Is(err, poweb.ErrUntrusted) {
		t.Errorf("got %v, want ErrUntrusted", err)
	}
}

// lengthsAround finds the offsets of the two-octet lengths of the elements that
// enclose the certificates: ContentInfo, its content, SignedData, certificates.
func lengthsAround(der []byte, certificate int) []int {
	return []int{2, 4 + 11 + 2, 4 + 11 + 4 + 2, certificate - 2}
}

func TestSignPassesKeyErrorsOn(t *testing.T) {
	outage := errors.New("outage")
	signer := certificate(t, "js/cert-pgw.der")
	if _, err := poweb.CountersignParcel([]byte("parcel"), brokenSigner{signer.PublicKey(), outage}, signer); !errors.Is(err, outage) {
		t.Errorf("got %v", err)
	}
}

// brokenSigner is a key whose service is down.
type brokenSigner struct {
	public crypto.PublicKey
	err    error
}

func (b brokenSigner) Public() crypto.PublicKey { return b.public }

func (b brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, b.err }
