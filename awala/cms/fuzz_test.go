package cms

import (
	"bytes"
	"errors"
	"testing"

	"awala.network/gateway/awala/internal/vectors"
)

func FuzzVerify(f *testing.F) {
	for _, name := range signedVectors(f) {
		f.Add(readSigned(f, name))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		sd, err := ParseSigned(octets)
		if err != nil {
			checkKind(t, err, ErrMalformed, ErrUnsupported)
			return
		}
		verify := sd.Verify
		if sd.Detached() {
			verify = func() (*Signature, error) { return sd.VerifyDetached([]byte("hello")) }
		}
		signature, err := verify()
		if err != nil {
			checkKind(t, err, ErrMalformed, ErrUnsupported, ErrSignature)
			return
		}
		if signature.Signer == nil || (signature.Content == nil) != sd.Detached() {
			t.Errorf("incomplete signature %v", signature)
		}
	})
}

func FuzzParseEnveloped(f *testing.F) {
	for _, name := range vectors.Glob(f, "*/enveloped-*") {
		f.Add(vectors.Read(f, name))
	}
	key := sessionKey(f, "js", "P-256").Key
	f.Fuzz(func(t *testing.T, octets []byte) {
		before := bytes.Clone(octets)
		ed, err := ParseEnveloped(octets)
		if err != nil {
			checkKind(t, err, ErrMalformed, ErrUnsupported, ErrSessionless)
			return
		}
		if _, err := ed.Decrypt(key); err != nil {
			checkKind(t, err, ErrDecryption)
		}
		if !bytes.Equal(octets, before) {
			t.Error("input was changed")
		}
	})
}

func checkKind(t *testing.T, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("untyped error %v", err)
}
