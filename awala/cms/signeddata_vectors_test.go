package cms

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

// ramfSignature is the length of what precedes the SignedData in a RAMF message.
const ramfSignature = 7

// signedVectors lists what holds a SignedData with attached content.
func signedVectors(tb testing.TB) []string {
	names := vectors.Glob(tb, "*/signeddata-*")
	for _, pattern := range []string{"*/parcel-*.ramf", "*/cargo-*.ramf", "*/cca.ramf"} {
		names = append(names, vectors.Glob(tb, pattern)...)
	}
	return names
}

func readSigned(tb testing.TB, name string) []byte {
	octets := vectors.Read(tb, name)
	if path.Ext(name) == ".ramf" {
		return octets[ramfSignature:]
	}
	return octets
}

func TestVerifyAttachedVectors(t *testing.T) {
	invalid := map[string]error{
		"js/parcel-digest-sha384.ramf": ErrSignature, // a defect of the library that made it
		"jvm/signeddata-nocerts.ber":   ErrSignature,
	}
	for _, name := range signedVectors(t) {
		if strings.Contains(name, "detached") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			sd, err := ParseSigned(readSigned(t, name))
			if err != nil {
				t.Fatal(err)
			}
			signature, err := sd.Verify()
			if !errors.Is(err, invalid[name]) {
				t.Fatalf("got error %v, want %v", err, invalid[name])
			}
			if err == nil {
				checkSignature(t, name, signature)
			}
		})
	}
}

// checkSignature compares a signature with what the README of the vectors says.
func checkSignature(t *testing.T, name string, signature *Signature) {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	size, sized := map[string]int{
		"signeddata-size-65535": 65535, "signeddata-size-65536": 65536,
		"signeddata-size-65537": 65537, "signeddata-size-200000": 200000,
	}[base]
	switch {
	case sized:
		if want := bytes.Repeat([]byte("a"), size); !bytes.Equal(signature.Content, want) {
			t.Errorf("content has %d octets or differs, want %d times a", len(signature.Content), size)
		}
	case strings.HasPrefix(base, "signeddata-"):
		if string(signature.Content) != "hello" {
			t.Errorf("content is %q", signature.Content)
		}
	default: // RAMF: a SEQUENCE that starts with the recipient
		if signature.Content[0] != 0x30 {
			t.Errorf("content starts with %#02x", signature.Content[0])
		}
	}
	if base == "signeddata-attached" {
		wantCertificates(t, name, signature)
	}
}

func wantCertificates(t *testing.T, name string, signature *Signature) {
	folder := path.Dir(name)
	if !signature.Signer.Equal(certificate(t, folder+"/cert-pgw.der")) {
		t.Error("signer is not the private gateway")
	}
	if len(signature.Others) != 1 || !signature.Others[0].Equal(certificate(t, folder+"/cert-igw-self.der")) {
		t.Error("the Internet gateway's certificate is not the one attached")
	}
}

func certificate(tb testing.TB, name string) *pki.Certificate {
	tb.Helper()
	return vectors.Parse(tb, name, pki.ParseCertificate)
}

// signatureInput is what Awala signs in detached signatures: SEQUENCE { [0] OID, [1] octets }.
func signatureInput(arc byte, data []byte) []byte {
	oid := []byte{0x80, 0x0b, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xca, 0x54, 0x00, 0x03, arc}
	return derElement(0x30, oid, derElement(0x81, data))
}

func TestVerifyDetachedVectors(t *testing.T) {
	for _, stack := range vectors.Stacks {
		extension := map[string]string{"js": ".der", "jvm": ".ber"}[stack]
		parcel := vectors.Read(t, stack+"/parcel-to-internet.ramf")
		for base, content := range map[string][]byte{
			"signeddata-detached": []byte("hello"),
			"sig-nonce":           signatureInput(1, []byte("the-nonce-0123456789")),
			"sig-parcel-delivery": signatureInput(0, parcel),
		} {
			t.Run(stack+"/"+base, func(t *testing.T) {
				sd, err := ParseSigned(vectors.Read(t, stack+"/"+base+extension))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := sd.Verify(); !errors.Is(err, ErrMalformed) {
					t.Errorf("verifying without content: got %v, want ErrMalformed", err)
				}
				signature, err := sd.VerifyDetached(content)
				if err != nil {
					t.Fatal(err)
				}
				if signature.Signer == nil || signature.Content != nil {
					t.Errorf("incomplete signature %v", signature)
				}
				if _, err := sd.VerifyDetached(append(content, 0)); !errors.Is(err, ErrSignature) {
					t.Errorf("other content: got %v, want ErrSignature", err)
				}
			})
		}
	}
}

func TestVerifyDetachedRefusesAttachedContent(t *testing.T) {
	sd, err := ParseSigned(vectors.Read(t, "js/signeddata-attached.der"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sd.VerifyDetached([]byte("hello")); !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}
