package cms

import (
	"bytes"
	"crypto/ecdh"
	"errors"
	"path"
	"strconv"
	"strings"
	"testing"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

// vectorKeyID is the id of the recipient's session key in all vectors.
var vectorKeyID = []byte{1, 2, 3, 4, 5, 6, 7, 8}

func sessionKey(tb testing.TB, stack, curve string) pki.SessionKey {
	tb.Helper()
	key, err := pki.ParseSessionKey(vectorKeyID, vectors.Read(tb, stack+"/key-ec-"+curve+".pkcs8"))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestDecryptVectors(t *testing.T) {
	for _, name := range vectors.Glob(t, "*/enveloped-session-*") {
		t.Run(name, func(t *testing.T) {
			want, curve := envelopedVector(t, name)
			ed, err := ParseEnveloped(vectors.Read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ed.RecipientKeyID(), vectorKeyID) {
				t.Errorf("recipient's key id is %x", ed.RecipientKeyID())
			}
			if len(ed.OriginatorKey().ID) != 8 {
				t.Errorf("originator's key id is %x", ed.OriginatorKey().ID)
			}
			key := sessionKey(t, path.Dir(name), curve).Key
			for range 2 { // decrypting must not use up the input
				got, err := ed.Decrypt(key)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("plaintext has %d octets or differs, want %d", len(got), len(want))
				}
			}
		})
	}
}

// envelopedVector returns what the name of a vector promises.
func envelopedVector(t *testing.T, name string) (plaintext []byte, curve string) {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if size, ok := strings.CutPrefix(base, "enveloped-session-size-"); ok {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		filler := map[string]string{"js": "a", "jvm": "\x00"}[path.Dir(name)]
		return bytes.Repeat([]byte(filler), n), "P-256"
	}
	return []byte("This is the plaintext."), base[len("enveloped-session-"):][:len("P-256")]
}

func TestDecryptPayloadsOfMessages(t *testing.T) {
	for _, stack := range vectors.Stacks {
		for _, name := range []string{"parcel-to-internet.ramf", "parcel-to-private.ramf", "cargo-pgw-to-igw.ramf", "cca.ramf"} {
			t.Run(stack+"/"+name, func(t *testing.T) {
				sd, err := ParseSigned(readSigned(t, stack+"/"+name))
				if err != nil {
					t.Fatal(err)
				}
				ed, err := ParseEnveloped(payloadOf(t, sd.Content()))
				if err != nil {
					t.Fatal(err)
				}
				plaintext, err := ed.Decrypt(sessionKey(t, stack, "P-256").Key)
				if err != nil {
					t.Fatal(err)
				}
				want := vectors.Read(t, stack+"/servicemessage.der")
				if strings.HasPrefix(name, "parcel") && !bytes.Equal(plaintext, want) {
					t.Error("plaintext is not the service message")
				}
			})
		}
	}
}

// payloadOf cuts the payload out of the fields of a RAMF message.
func payloadOf(t *testing.T, fields []byte) []byte {
	c := ber.NewCursor(fields, MaxLen)
	body := c.Enter(ber.Sequence)
	for range 4 {
		body.Next()
	}
	payload := body.Read(ber.Context(4)).Content
	if body.Err() != nil {
		t.Fatal(body.Err())
	}
	return payload
}

func TestSessionlessIsRefused(t *testing.T) {
	for _, name := range vectors.Glob(t, "*/enveloped-sessionless-*") {
		if _, err := ParseEnveloped(vectors.Read(t, name)); !errors.Is(err, ErrSessionless) {
			t.Errorf("%s: got %v, want ErrSessionless", name, err)
		}
	}
}

func TestDecryptWithAnotherKey(t *testing.T) {
	ed, err := ParseEnveloped(vectors.Read(t, "js/enveloped-session-P-256-aes128.der"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.GenerateSessionKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]*ecdh.PrivateKey{
		"none": nil, "same curve": other.Key, "other curve": sessionKey(t, "js", "P-384").Key,
	}
	for name, key := range keys {
		if _, err := ed.Decrypt(key); err != ErrDecryption {
			t.Errorf("%s: got %v, want ErrDecryption alone", name, err)
		}
	}
}
