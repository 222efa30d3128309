package poweb

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MaxNonceSignatures bounds how many signatures a handshake response may hold.
// Verifying one costs far more than sending it.
const MaxNonceSignatures = 32

// Challenge is what the server sends first: a nonce for the client to sign.
type Challenge struct {
	// Nonce is unpredictable and used once. 16 octets are customary.
	Nonce []byte
}

// tagField is the implicit tag of the nth field of a message, in primitive form.
func tagField(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific() }

// ParseChallenge reads a handshake challenge.
func ParseChallenge(der []byte) (Challenge, error) {
	input := cryptobyte.String(der)
	var fields, nonce cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&nonce, tagField(0)) && fields.Empty()
	if !ok || len(nonce) == 0 {
		return Challenge{}, fmt.Errorf("%w: no handshake challenge", ErrMalformed)
	}
	return Challenge{Nonce: nonce}, nil
}

// Marshal writes the handshake challenge.
func (c Challenge) Marshal() ([]byte, error) {
	if len(c.Nonce) == 0 {
		return nil, fmt.Errorf("%w: challenge without nonce", ErrMalformed)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tagField(0), func(b *cryptobyte.Builder) { b.AddBytes(c.Nonce) })
	})
	return b.Bytes()
}

// Response is the client's answer to a [Challenge].
type Response struct {
	// NonceSignatures are CMS signatures, one for each private gateway whose
	// parcels the client collects, for [VerifyNonce].
	NonceSignatures [][]byte
}

// ParseResponse reads a handshake response of one to [MaxNonceSignatures]
// signatures. It does not verify them.
func ParseResponse(der []byte) (Response, error) {
	input := cryptobyte.String(der)
	var fields, signatures cryptobyte.String
	ok := input.ReadASN1(&fields, asn1.SEQUENCE) && input.Empty() &&
		fields.ReadASN1(&signatures, tagField(0).Constructed()) && fields.Empty()
	if !ok {
		return Response{}, fmt.Errorf("%w: no handshake response", ErrMalformed)
	}
	var r Response
	for !signatures.Empty() {
		var signature cryptobyte.String
		if !signatures.ReadASN1(&signature, asn1.OCTET_STRING) {
			return Response{}, fmt.Errorf("%w: nonce signature is no octet string", ErrMalformed)
		}
		r.NonceSignatures = append(r.NonceSignatures, signature)
		if len(r.NonceSignatures) > MaxNonceSignatures {
			break
		}
	}
	return r, r.check()
}

// Marshal writes the handshake response.
func (r Response) Marshal() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tagField(0).Constructed(), func(b *cryptobyte.Builder) {
			for _, signature := range r.NonceSignatures {
				b.AddASN1OctetString(signature)
			}
		})
	})
	return b.Bytes()
}

func (r Response) check() error {
	if n := len(r.NonceSignatures); n == 0 || n > MaxNonceSignatures {
		return fmt.Errorf("%w: handshake response with %d signatures", ErrMalformed, n)
	}
	return nil
}
