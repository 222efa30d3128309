package cms

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

func newSessionKey(tb testing.TB) pki.SessionKey {
	tb.Helper()
	key, err := pki.GenerateSessionKey()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func TestEncryptAndDecrypt(t *testing.T) {
	recipient := newSessionKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "plaintext")
		originator := newSessionKey(t)
		out, err := Encrypt(plaintext, recipient.Public(), originator)
		if err != nil {
			rt.Fatal(err)
		}
		ed, err := ParseEnveloped(out)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(ed.RecipientKeyID(), recipient.ID) || !ed.OriginatorKey().Equal(originator.Public()) {
			rt.Fatal("session keys differ")
		}
		got, err := ed.Decrypt(recipient.Key)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got, plaintext) {
			rt.Fatalf("got %x, want %x", got, plaintext)
		}
	})
}

func TestEncryptWritesDER(t *testing.T) {
	recipient, originator := newSessionKey(t), newSessionKey(t)
	for _, size := range []int{0, 15, 16, 127, 128, 65535, 1 << 23} {
		out, err := Encrypt(make([]byte, size), recipient.Public(), originator)
		if err != nil {
			t.Fatal(err)
		}
		checkDER(t, out)
		if len(out) != cap(out) {
			t.Errorf("size %d: %d octets in a buffer for %d", size, len(out), cap(out))
		}
	}
}

// TestEncryptOnOtherCurves answers peers whose keys are not on P-256.
func TestEncryptOnOtherCurves(t *testing.T) {
	for _, curve := range []ecdh.Curve{ecdh.P384(), ecdh.P521()} {
		recipient, err := curve.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		originator, err := curve.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		to := pki.SessionKey{ID: []byte{1}, Key: recipient}
		out, err := Encrypt([]byte("hello"), to.Public(), pki.SessionKey{ID: []byte{2}, Key: originator})
		if err != nil {
			t.Fatal(err)
		}
		ed, err := ParseEnveloped(out)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ed.Decrypt(recipient); err != nil || string(got) != "hello" {
			t.Errorf("%v: got %q, error %v", curve, got, err)
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	recipient, originator := newSessionKey(t).Public(), newSessionKey(t)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]struct {
		recipient  pki.SessionPublicKey
		originator pki.SessionKey
	}{
		"no recipient":      {pki.SessionPublicKey{ID: []byte{1}}, originator},
		"no originator":     {recipient, pki.SessionKey{ID: []byte{1}}},
		"no recipient id":   {pki.SessionPublicKey{Key: recipient.Key}, originator},
		"no originator id":  {recipient, pki.SessionKey{Key: originator.Key}},
		"long id":           {recipient, pki.SessionKey{ID: make([]byte, 65), Key: originator.Key}},
		"other curve":       {sessionKey(t, "js", "P-384").Public(), originator},
		"unsupported curve": {recipient, pki.SessionKey{ID: []byte{1}, Key: x25519}},
	} {
		if _, err := Encrypt(nil, keys.recipient, keys.originator); !errors.Is(err, pki.ErrKey) {
			t.Errorf("%s: got %v, want pki.ErrKey", name, err)
		}
	}
}

// TestDecryptErrorsAreAlike damages every part that decryption depends on.
func TestDecryptErrorsAreAlike(t *testing.T) {
	recipient, originator := newSessionKey(t), newSessionKey(t)
	original, err := Encrypt([]byte("The quick brown fox."), recipient.Public(), originator)
	if err != nil {
		t.Fatal(err)
	}
	ed, err := ParseEnveloped(original)
	if err != nil {
		t.Fatal(err)
	}
	content, _ := ed.content.Octets()
	for name, part := range map[string][]byte{
		"wrapped key": ed.recipient.wrappedKey, "UKM": ed.recipient.ukm, "padding": content[15:16],
	} {
		part[0] ^= 0x80
		damaged, err := ParseEnveloped(original)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := damaged.Decrypt(recipient.Key); err != ErrDecryption {
			t.Errorf("%s: got %v, want ErrDecryption alone", name, err)
		}
		part[0] ^= 0x80
	}
}

// envelope is an EnvelopedData to be made with any part replaced.
type envelope struct {
	recipients [][]byte
	info       [][]byte // of the recipient, in parts
	content    [][]byte // EncryptedContentInfo in parts
	attributes []byte
}

// newEnvelopeParts takes a genuine message apart.
func newEnvelopeParts(t *testing.T) *envelope {
	id := derElement(0xa0, derElement(0x04, vectorKeyID))
	point := newSessionKey(t).Key.PublicKey().Bytes()
	key := derElement(0xa1, derElement(0x30, derElement(0x06, oidECPublicKey), derElement(0x06, oidP256)), derElement(0x03, []byte{0}, point))
	return &envelope{
		info: [][]byte{
			versionThree, derElement(0xa0, key), derElement(0xa1, derElement(0x04, make([]byte, 64))),
			emittedAgreementIdentifier, derElement(0x30, derElement(0x30, id, derElement(0x04, make([]byte, 24)))),
		},
		content: [][]byte{dataElement, derElement(0x30, cbcOID, derElement(0x04, make([]byte, 16))), derElement(0x80, make([]byte, 16))},
		attributes: derElement(0xa1, derElement(0x30, derElement(0x06, oidOriginatorKeyID),
			derElement(0x31, derElement(0x04, vectorKeyID)))),
	}
}

func (e *envelope) make() []byte {
	recipients := append([][]byte{derElement(0xa1, e.info...)}, e.recipients...)
	fields := derElement(0x30, versionTwo, derElement(0x31, recipients...), derElement(0x30, e.content...), e.attributes)
	return derElement(0x30, derElement(0x06, oidEnvelopedData), derElement(0xa0, fields))
}

func TestParseEnvelopedTypes(t *testing.T) {
	serial := derElement(0x30, derElement(0x30), versionOne)
	oneKey := func(id []byte) []byte {
		return derElement(0x30, derElement(0x30, id, derElement(0x04, make([]byte, 24))))
	}
	keyID := func(length int) []byte { return derElement(0xa0, derElement(0x04, make([]byte, length))) }
	curve := func(point, name []byte) []byte {
		return derElement(0xa0, derElement(0xa1, derElement(0x30, derElement(0x06, oidECPublicKey), name), derElement(0x03, point)))
	}
	attribute := func(values ...[]byte) []byte {
		return derElement(0xa1, derElement(0x30, derElement(0x06, oidOriginatorKeyID), derElement(0x31, values...)))
	}
	p256, id := derElement(0x06, oidP256), derElement(0x04, vectorKeyID)
	infinity, offCurve := []byte{0, 0}, append([]byte{0, 4}, make([]byte, 64)...)
	aes := func(arc byte, parameters ...[]byte) []byte {
		return derElement(0x30, append([][]byte{derElement(0x06, aesArc, []byte{arc})}, parameters...)...)
	}
	gcm := func(nonce, tag int) []byte {
		return derElement(0x30, derElement(0x04, make([]byte, nonce)), derElement(0x02, []byte{byte(tag)}))
	}
	cases := map[string]struct {
		change func(*envelope)
		want   error
	}{
		"genuine":                 {func(e *envelope) {}, nil},
		"no UKM":                  {func(e *envelope) { e.info[2] = nil }, nil},
		"GCM":                     {func(e *envelope) { e.content[1] = aes(6, gcm(12, 16)) }, nil},
		"two recipients":          {func(e *envelope) { e.recipients = [][]byte{derElement(0xa1, e.info...)} }, ErrMalformed},
		"recipient empty":         {func(e *envelope) { e.info = nil }, ErrMalformed},
		"recipient by serial":     {func(e *envelope) { e.info[4] = oneKey(serial) }, ErrUnsupported},
		"recipient without id":    {func(e *envelope) { e.info[4] = oneKey(keyID(0)) }, ErrMalformed},
		"recipient with long id":  {func(e *envelope) { e.info[4] = oneKey(keyID(65)) }, ErrMalformed},
		"originator by serial":    {func(e *envelope) { e.info[1] = derElement(0xa0, serial) }, ErrUnsupported},
		"originator off curve":    {func(e *envelope) { e.info[1] = curve(offCurve, p256) }, ErrMalformed},
		"originator at infinity":  {func(e *envelope) { e.info[1] = curve(infinity, p256) }, ErrMalformed},
		"originator empty":        {func(e *envelope) { e.info[1] = curve(nil, p256) }, ErrMalformed},
		"curve left out":          {func(e *envelope) { e.info[1] = curve(offCurve, nil) }, ErrUnsupported},
		"curve unknown":           {func(e *envelope) { e.info[1] = curve(offCurve, dataElement) }, ErrUnsupported},
		"content of another type": {func(e *envelope) { e.content[0] = derElement(0x06, oidSignedData) }, ErrUnsupported},
		"content left out":        {func(e *envelope) { e.content[2] = nil }, ErrMalformed},
		"another cipher":          {func(e *envelope) { e.content[1] = derElement(0x30, dataElement) }, ErrUnsupported},
		"another AES mode":        {func(e *envelope) { e.content[1] = aes(3) }, ErrUnsupported},
		"no IV":                   {func(e *envelope) { e.content[1] = aes(2) }, ErrMalformed},
		"short IV":                {func(e *envelope) { e.content[1] = aes(2, derElement(0x04, make([]byte, 15))) }, ErrMalformed},
		"GCM without parameters":  {func(e *envelope) { e.content[1] = aes(6) }, ErrMalformed},
		"GCM with long nonce":     {func(e *envelope) { e.content[1] = aes(6, gcm(16, 16)) }, ErrUnsupported},
		"GCM with short tag":      {func(e *envelope) { e.content[1] = aes(6, gcm(12, 8)) }, ErrUnsupported},
		"GCM with negative tag":   {func(e *envelope) { e.content[1] = aes(6, gcm(12, 0xf0)) }, ErrUnsupported},
		"no attributes":           {func(e *envelope) { e.attributes = nil }, ErrMalformed},
		"no originator id":        {func(e *envelope) { e.attributes = derElement(0xa1) }, ErrMalformed},
		"originator id is empty":  {func(e *envelope) { e.attributes = attribute(derElement(0x04)) }, ErrMalformed},
		"two originator ids":      {func(e *envelope) { e.attributes = attribute(id, id) }, ErrMalformed},
		"originator id a number":  {func(e *envelope) { e.attributes = attribute(versionOne) }, ErrMalformed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEnvelopeParts(t)
			tc.change(e)
			ed, err := ParseEnveloped(e.make())
			if !errors.Is(err, tc.want) || (ed == nil) != (err != nil) {
				t.Errorf("got %v, %v, want %v", ed, err, tc.want)
			}
		})
	}
}

func TestParseRefusesOtherContainers(t *testing.T) {
	if _, err := ParseEnveloped(vectors.Read(t, "js/signeddata-attached.der")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("SignedData as EnvelopedData: got %v, want ErrUnsupported", err)
	}
	if _, err := ParseSigned(vectors.Read(t, "js/enveloped-session-size-0.der")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("EnvelopedData as SignedData: got %v, want ErrUnsupported", err)
	}
}
