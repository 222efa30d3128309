package cms

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/internal/vectors"
	"awala.network/gateway/awala/pki"
)

// signer returns the private gateway's key and certificate, and its issuer's.
func signer(tb testing.TB) (key *rsa.PrivateKey, own, issuer *pki.Certificate) {
	tb.Helper()
	key, err := pki.ParsePrivateKey(vectors.Read(tb, "js/key-rsa-pgw.pkcs8"))
	if err != nil {
		tb.Fatal(err)
	}
	return key, certificate(tb, "js/cert-pgw.der"), certificate(tb, "js/cert-igw-self.der")
}

// draft is a SignedData to be made, validly signed but with any part replaced.
type draft struct {
	content      []byte
	contentType  []byte   // element
	attributes   [][]byte // nil for none
	id           []byte
	digest       []byte // AlgorithmIdentifier
	algorithm    []byte // AlgorithmIdentifier
	hash         crypto.Hash
	signerInfos  int
	certificates [][]byte
	trailing     []byte
}

// newDraft returns a draft of what Sign makes.
func newDraft(tb testing.TB, content []byte) *draft {
	_, certificate, _ := signer(tb)
	return &draft{
		content:      content,
		contentType:  dataElement,
		attributes:   [][]byte{contentTypeAttribute, digestAttribute(digestOf(crypto.SHA256, content))},
		id:           derElement(0x30, certificate.RawIssuer(), derElement(0x02, certificate.RawSerial())),
		digest:       sha256Identifier,
		algorithm:    pssIdentifiers[crypto.SHA256],
		hash:         crypto.SHA256,
		signerInfos:  1,
		certificates: [][]byte{certificate.DER()},
	}
}

func (d *draft) make(tb testing.TB) []byte {
	tb.Helper()
	signed, attributes := d.content, []byte(nil)
	if d.attributes != nil {
		signed = derElement(0x31, d.attributes...)
		attributes = derElement(0xa0, d.attributes...)
	}
	key, _, _ := signer(tb)
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	signature, err := rsa.SignPSS(rand.Reader, key, d.hash, digestOf(d.hash, signed), options)
	if err != nil {
		tb.Fatal(err)
	}
	info := derElement(0x30, versionOne, d.id, d.digest, attributes, d.algorithm, derElement(0x04, signature))
	infos := make([][]byte, d.signerInfos)
	for i := range infos {
		infos[i] = info
	}
	fields := derElement(0x30, versionOne, derElement(0x31, d.digest),
		derElement(0x30, d.contentType, derElement(0xa0, derElement(0x04, d.content))),
		derElement(0xa0, d.certificates...),
		derElement(0x31, infos...))
	return append(derElement(0x30, derElement(0x06, oidSignedData), derElement(0xa0, fields)), d.trailing...)
}

// derElement encodes in DER what the contents make up.
func derElement(tag byte, contents ...[]byte) []byte {
	return ber.Append(nil, ber.Tag(tag), contents...)
}
