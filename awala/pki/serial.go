package pki

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

var versionTag = asn1.Tag(0).ContextSpecific().Constructed()

// shell is a certificate cut open around its serial number, and nowhere else.
type shell struct {
	tbs         cryptobyte.String // what the signature is over, header included
	version     cryptobyte.String // the whole version field, empty when absent
	serial      cryptobyte.String // content of the serial number
	afterSerial cryptobyte.String // the rest of what the signature is over
	afterTBS    cryptobyte.String // the signature and its algorithm
}

// readShell cuts der open without copying. It is false for what is no single
// DER certificate as far as it looks.
func readShell(der []byte) (s shell, ok bool) {
	var body, tbs cryptobyte.String
	input := cryptobyte.String(der)
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !input.Empty() || !body.ReadASN1Element(&s.tbs, asn1.SEQUENCE) {
		return shell{}, false
	}
	s.afterTBS = body
	element := s.tbs
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) {
		return shell{}, false
	}
	if tbs.PeekASN1Tag(versionTag) && !tbs.ReadASN1Element(&s.version, versionTag) {
		return shell{}, false
	}
	if !tbs.ReadASN1(&s.serial, asn1.INTEGER) || s.serial.Empty() {
		return shell{}, false
	}
	s.afterSerial = tbs
	return s, true
}

// hasMinimalSerial tells whether the serial number is encoded as DER demands. In
// one of 512 certificates that deployed JavaScript clients make it has a needless
// leading zero, which the standard library refuses.
func (s shell) hasMinimalSerial() bool { return len(minimalInteger(s.serial)) == len(s.serial) }

// withMinimalSerial returns the certificate with its serial number in DER. That
// is for parsing only: the signature is over the original.
func (s shell) withMinimalSerial() ([]byte, error) {
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
		out.AddASN1(asn1.SEQUENCE, func(out *cryptobyte.Builder) {
			out.AddBytes(s.version)
			out.AddASN1(asn1.INTEGER, func(out *cryptobyte.Builder) { out.AddBytes(minimalInteger(s.serial)) })
			out.AddBytes(s.afterSerial)
		})
		out.AddBytes(s.afterTBS)
	})
	return out.Bytes()
}

// minimalInteger strips the needless leading zeros of an INTEGER's content.
// Needless 0xFF octets of negative numbers stay: nobody makes negative serials.
func minimalInteger(content []byte) []byte {
	for len(content) > 1 && content[0] == 0 && content[1] < 0x80 {
		content = content[1:]
	}
	return content
}

// sameInteger compares the contents of two INTEGERs, needless zeros aside.
func sameInteger(a, b []byte) bool { return bytes.Equal(minimalInteger(a), minimalInteger(b)) }
