package cms

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

func TestSignAndVerify(t *testing.T) {
	key, certificate, issuer := signer(t)
	rapid.Check(t, func(rt *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "content")
		attached, err := Sign(content, key, certificate, issuer)
		if err != nil {
			rt.Fatal(err)
		}
		sd, err := ParseSigned(attached)
		if err != nil {
			rt.Fatal(err)
		}
		signature, err := sd.Verify()
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(signature.Content, content) || !signature.Signer.Equal(certificate) {
			rt.Fatal("content or signer differs")
		}
		if len(signature.Others) != 1 || !signature.Others[0].Equal(issuer) {
			rt.Fatal("other certificates differ")
		}
	})
}

func TestSignDetachedAndVerify(t *testing.T) {
	key, certificate, _ := signer(t)
	for _, content := range [][]byte{{}, []byte("hello"), {0x31, 0x00}} {
		detached, err := SignDetached(key, certificate, content)
		if err != nil {
			t.Fatal(err)
		}
		sd, err := ParseSigned(detached)
		if err != nil {
			t.Fatal(err)
		}
		if !sd.Detached() || sd.Content() != nil {
			t.Error("content is attached")
		}
		for cut := range len(content) + 1 {
			if _, err := sd.VerifyDetached(content[:cut], content[cut:]); err != nil {
				t.Errorf("in pieces of %d and %d octets: %v", cut, len(content)-cut, err)
			}
		}
	}
}

func TestSignDetachedInPiecesIsOverTheWhole(t *testing.T) {
	key, certificate, _ := signer(t)
	detached, err := SignDetached(key, certificate, []byte("he"), nil, []byte("llo"))
	if err != nil {
		t.Fatal(err)
	}
	sd, err := ParseSigned(detached)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sd.VerifyDetached([]byte("hello")); err != nil {
		t.Error(err)
	}
	for _, other := range [][][]byte{nil, {[]byte("he")}, {[]byte("llo"), []byte("he")}} {
		if _, err := sd.VerifyDetached(other...); !errors.Is(err, ErrSignature) {
			t.Errorf("%q: got %v, want ErrSignature", other, err)
		}
	}
}

func TestStartsWithLooksPastEmptyPieces(t *testing.T) {
	for _, test := range []struct {
		pieces [][]byte
		want   bool
	}{
		{nil, false},
		{[][]byte{nil, {}}, false},
		{[][]byte{{1, 2}}, true},
		{[][]byte{nil, {}, {1}}, true},
		{[][]byte{nil, {2}, {1}}, false},
	} {
		if got := startsWith(test.pieces, 1); got != test.want {
			t.Errorf("%v: got %t", test.pieces, got)
		}
	}
}

// TestSignWritesDER has the standard library, which reads nothing else, read all.
func TestSignWritesDER(t *testing.T) {
	key, certificate, issuer := signer(t)
	for _, size := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 24} {
		out, err := Sign(make([]byte, size), key, certificate, issuer)
		if err != nil {
			t.Fatal(err)
		}
		checkDER(t, out)
		if len(out) != cap(out) {
			t.Errorf("size %d: %d octets in a buffer for %d", size, len(out), cap(out))
		}
	}
	out, err := SignDetached(key, certificate, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	checkDER(t, out)
}

func checkDER(t *testing.T, der []byte) {
	t.Helper()
	var element asn1.RawValue
	rest, err := asn1.Unmarshal(der, &element)
	for ; err == nil && len(der) > 0; rest, err = asn1.Unmarshal(der, &element) {
		if element.IsCompound {
			checkDER(t, element.Bytes)
		}
		if der = rest; len(der) == 0 {
			return
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSignRefusesAnothersKey(t *testing.T) {
	_, certificate, _ := signer(t)
	key, err := pki.ParsePrivateKey(vectors.Read(t, "js/key-rsa-igw.pkcs8"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(nil, key, certificate); !errors.Is(err, pki.ErrKey) {
		t.Errorf("attached: got %v, want pki.ErrKey", err)
	}
	if _, err := SignDetached(key, certificate, nil); !errors.Is(err, pki.ErrKey) {
		t.Errorf("detached: got %v, want pki.ErrKey", err)
	}
}

// brokenSigner is a key service that is down.
type brokenSigner struct{ *rsa.PrivateKey }

var errBroken = errors.New("key service is down")

func (brokenSigner) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, errBroken
}

func TestSignReportsBrokenKey(t *testing.T) {
	key, certificate, _ := signer(t)
	if _, err := Sign(nil, brokenSigner{key}, certificate); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}

// TestVerifyTypes checks what a validly signed message may look like.
func TestVerifyTypes(t *testing.T) {
	_, own, issuer := signer(t)
	content := []byte("the content")
	pkcs1 := derElement(0x30, derElement(0x06, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}), null)
	bareSSA := derElement(0x30, derElement(0x06, oidPSS), derElement(0x30))
	sha1 := derElement(0x30, derElement(0x06, []byte{0x2b, 0x0e, 0x03, 0x02, 0x1a}), null)
	extra := derElement(0x30, derElement(0x06, []byte{0x2a, 3}), derElement(0x31, null))
	typeOther := derElement(0x30, derElement(0x06, oidContentType), derElement(0x31, derElement(0x06, oidSignedData)))
	twoTypes := derElement(0x30, derElement(0x06, oidContentType), derElement(0x31, dataElement, dataElement))
	noHashParameters := derElement(0x30, derElement(0x06, hashArc, []byte{1}))
	cases := map[string]struct {
		change func(*draft)
		want   error
	}{
		"as Sign makes it":          {func(d *draft) {}, nil},
		"digest parameters left":    {func(d *draft) { d.digest = noHashParameters }, nil},
		"no attributes":             {func(d *draft) { d.attributes = nil }, nil},
		"unknown attribute":         {func(d *draft) { d.attributes = append(d.attributes, extra) }, nil},
		"unsorted attributes":       {func(d *draft) { slices.Reverse(d.attributes) }, nil},
		"SHA-512 for the signature": {func(d *draft) { d.algorithm, d.hash = pssIdentifiers[crypto.SHA512], crypto.SHA512 }, nil},
		"signer attached twice":     {func(d *draft) { d.certificates = [][]byte{own.DER(), own.DER()} }, nil},
		"signer attached last":      {func(d *draft) { d.certificates = [][]byte{issuer.DER(), own.DER()} }, nil},
		"padded serial in the id":   {func(d *draft) { d.id = derElement(0x30, own.RawIssuer(), derElement(2, []byte{0}, own.RawSerial())) }, nil},

		"no signer":                 {func(d *draft) { d.signerInfos = 0 }, ErrMalformed},
		"two signers":               {func(d *draft) { d.signerInfos = 2 }, ErrMalformed},
		"signer by key id":          {func(d *draft) { d.id = derElement(0x80, make([]byte, 32)) }, ErrUnsupported},
		"PKCS#1 v1.5":               {func(d *draft) { d.algorithm = pkcs1 }, ErrUnsupported},
		"PSS with default SHA-1":    {func(d *draft) { d.algorithm = bareSSA }, ErrUnsupported},
		"PSS parameters of SHA-384": {func(d *draft) { d.algorithm = pssIdentifiers[crypto.SHA384] }, ErrSignature},
		"SHA-1 digest":              {func(d *draft) { d.digest = sha1 }, ErrUnsupported},
		"digest of another hash":    {func(d *draft) { d.digest = hashIdentifier(2) }, ErrSignature},
		"other digest":              {func(d *draft) { d.attributes[1] = digestAttribute(digestOf(crypto.SHA256, []byte("other"))) }, ErrSignature},
		"no digest":                 {func(d *draft) { d.attributes = d.attributes[:1] }, ErrMalformed},
		"no type":                   {func(d *draft) { d.attributes = d.attributes[1:] }, ErrMalformed},
		"empty attributes":          {func(d *draft) { d.attributes = [][]byte{} }, ErrMalformed},
		"other type":                {func(d *draft) { d.attributes[0] = typeOther }, ErrMalformed},
		"type with two values":      {func(d *draft) { d.attributes[0] = twoTypes }, ErrMalformed},
		"digest twice":              {func(d *draft) { d.attributes = append(d.attributes, d.attributes[1]) }, ErrMalformed},
		"attributes as content":     {func(d *draft) { d.content, d.attributes = derElement(0x31, d.attributes...), nil }, ErrUnsupported},
		"bare, hashes differ":       {func(d *draft) { d.attributes, d.digest = nil, hashIdentifier(3) }, ErrUnsupported},
		"content of another type":   {func(d *draft) { d.contentType = derElement(0x06, oidSignedData) }, ErrUnsupported},
		"signer not attached":       {func(d *draft) { d.certificates = [][]byte{issuer.DER()} }, ErrSignature},
		"certificate malformed":     {func(d *draft) { d.certificates = append(d.certificates, derElement(0x30)) }, ErrMalformed},
		"attribute certificate":     {func(d *draft) { d.certificates = append(d.certificates, derElement(0xa1)) }, ErrMalformed},
		"too many certificates":     {func(d *draft) { d.certificates = slices.Repeat(d.certificates, 33) }, ErrUnsupported},
		"octets after the end":      {func(d *draft) { d.trailing = []byte{0} }, ErrMalformed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := newDraft(t, content)
			tc.change(d)
			signature, err := verifyAttached(d.make(t))
			if !errors.Is(err, tc.want) || (signature == nil) != (err != nil) {
				t.Errorf("got %v, %v, want %v", signature, err, tc.want)
			}
		})
	}
}

func verifyAttached(octets []byte) (*Signature, error) {
	sd, err := ParseSigned(octets)
	if err != nil {
		return nil, err
	}
	return sd.Verify()
}

// TestVerifyRefusesAmbiguousSigner attaches a second certificate with the
// signer's issuer and serial number: its own with another signature.
func TestVerifyRefusesAmbiguousSigner(t *testing.T) {
	d := newDraft(t, []byte("hello"))
	other := bytes.Clone(d.certificates[0])
	other[len(other)-1] ^= 1
	for _, certificates := range [][][]byte{{d.certificates[0], other}, {other, d.certificates[0]}} {
		d.certificates = certificates
		if _, err := verifyAttached(d.make(t)); !errors.Is(err, ErrMalformed) {
			t.Errorf("got %v, want ErrMalformed", err)
		}
	}
}

// TestFlippedBitIsRefused flips any bit of what the signature protects: content,
// attributes, signature, and the signer's certificate through its path.
func TestFlippedBitIsRefused(t *testing.T) {
	key, certificate, issuer := signer(t)
	original, err := Sign([]byte("The quick brown fox jumps over the lazy dog."), key, certificate, issuer)
	if err != nil {
		t.Fatal(err)
	}
	v := pki.NewValidator([]*pki.Certificate{issuer}, pki.NewSignatureCache(100, time.Hour))
	accepted := func(octets []byte) (*Signature, error) {
		signature, err := verifyAttached(octets)
		if err != nil {
			return nil, err
		}
		_, err = v.Path(signature.Signer, signature.Others, vectors.Now)
		return signature, err
	}
	if _, err := accepted(original); err != nil {
		t.Fatal(err)
	}
	sd, _ := ParseSigned(original)
	protected := [][]byte{sd.content, sd.signer.signature, sd.certificates[0], attributesIn(t, original)}
	rapid.Check(t, func(rt *rapid.T) {
		part := rapid.SampledFrom(protected).Draw(rt, "part")
		bit := rapid.IntRange(0, 8*len(part)-1).Draw(rt, "bit")
		part[bit/8] ^= 1 << (bit % 8) // in original, which all parts alias
		defer func() { part[bit/8] ^= 1 << (bit % 8) }()
		if signature, err := accepted(original); err == nil {
			rt.Fatalf("accepted %q", signature.Content)
		}
	})
}

// attributesIn finds the contents of the signed attributes within a message.
func attributesIn(t *testing.T, octets []byte) []byte {
	start := bytes.Index(octets, contentTypeAttribute)
	if start < 0 {
		t.Fatal("no signed attributes")
	}
	return octets[start:][:len(contentTypeAttribute)+len(digestAttribute(make([]byte, crypto.SHA256.Size())))]
}

// TestContentInPieces turns content into nested pieces of any sizes, of definite
// and indefinite length.
func TestContentInPieces(t *testing.T) {
	key, certificate, _ := signer(t)
	rapid.Check(t, func(rt *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "content")
		info, err := newSignerInfo(key, certificate, content)
		if err != nil {
			rt.Fatal(err)
		}
		octets := drawPieces(rt, content, 0)
		head, tail := newShell(ber.ElementLen(len(octets)), info, []*pki.Certificate{certificate})
		message := append(append(head, derElement(0xa0, octets)...), tail...)
		signature, err := verifyAttached(message)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(signature.Content, content) {
			rt.Fatalf("content is %x, want %x", signature.Content, content)
		}
	})
}

// drawPieces encodes content as an OCTET STRING, primitive or constructed.
func drawPieces(rt *rapid.T, content []byte, depth int) []byte {
	form := rapid.SampledFrom([]string{"primitive", "definite", "indefinite"}).Draw(rt, "form")
	if form == "primitive" || depth == 5 {
		return derElement(0x04, content)
	}
	var pieces []byte
	for len(content) > 0 {
		n := rapid.IntRange(0, len(content)).Draw(rt, "piece")
		pieces = append(pieces, drawPieces(rt, content[:n], depth+1)...)
		if content = content[n:]; n == 0 {
			pieces = append(pieces, derElement(0x04, content)...)
			break
		}
	}
	if form == "definite" {
		return derElement(0x24, pieces)
	}
	return append(append([]byte{0x24, 0x80}, pieces...), 0, 0)
}

func TestContentIsCopiedOnlyWhenInPieces(t *testing.T) {
	for name, aliased := range map[string]bool{
		"jvm/signeddata-attached-SHA256.ber": true, "js/signeddata-size-65537.der": false,
	} {
		octets := bytes.Clone(vectors.Read(t, name))
		sd, err := ParseSigned(octets)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(sd.Content())
		clear(octets)
		if changed := !bytes.Equal(before, sd.Content()); changed != aliased {
			t.Errorf("%s: content aliases the input: %v", name, changed)
		}
	}
}

// TestBombs gives inputs of the greatest size that exhaust readers which recurse.
func TestBombs(t *testing.T) {
	bomb := bytes.Repeat([]byte{0x30, 0x80}, MaxLen/2)
	start := []byte{0x30, 0x80, 0x06, 0x09}
	signed := append(append(bytes.Clone(start), oidSignedData...), bomb[:MaxLen-20]...)
	enveloped := append(append(bytes.Clone(start), oidEnvelopedData...), bomb[:MaxLen-20]...)
	for _, octets := range [][]byte{bomb, signed, enveloped, make([]byte, MaxLen+1)} {
		begin := time.Now()
		if _, err := ParseSigned(octets); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseSigned: got %v, want ErrMalformed", err)
		}
		if _, err := ParseEnveloped(octets); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseEnveloped: got %v, want ErrMalformed", err)
		}
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
	}
}
