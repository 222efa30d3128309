package cms

import (
	"crypto/aes"
	"crypto/rand"
	"fmt"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/pki"
)

// ukmLen is the length of the user keying material. RFC 5753 leaves it out;
// without it the JavaScript clients cannot decrypt.
const ukmLen = 64

// cekLen is the length of the content-encryption key: AES-128 in CBC mode, which
// all clients read. They do not read GCM.
const cekLen = 16

var (
	versionTwo   = []byte{byte(ber.Integer), 1, 2}
	versionThree = []byte{byte(ber.Integer), 1, 3}
	cbcOID       = ber.Append(nil, ber.ObjectIdentifier, aesArc, []byte{2})
)

// Encrypt returns the DER EnvelopedData of plaintext for the holder of the
// recipient's session key, with the public half of the originator's in it. It
// fails with pki.ErrKey unless both keys have ids and are on the same curve.
func Encrypt(plaintext []byte, recipient pki.SessionPublicKey, originator pki.SessionKey) ([]byte, error) {
	if err := checkSessionKeys(recipient, originator); err != nil {
		return nil, err
	}
	secret, err := originator.Key.ECDH(recipient.Key)
	if err != nil {
		return nil, keyError("session keys do not match", err)
	}
	random := make([]byte, ukmLen+cekLen+aes.BlockSize)
	rand.Read(random) // never fails, by its contract
	ukm, cek, iv := random[:ukmLen], random[ukmLen:ukmLen+cekLen], random[ukmLen+cekLen:]
	wrapped, err := emittedAgreement.wrap(secret, ukm, cek)
	if err != nil {
		return nil, fmt.Errorf("cms: wrapping the content's key: %w", err)
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, fmt.Errorf("cms: encrypting: %w", err)
	}
	out, tail := newEnvelope(newRecipientInfo(recipient.ID, originator, ukm, wrapped), originator.ID, iv, len(plaintext))
	out = sealCBC(out, plaintext, block, iv)
	return append(out, tail...), nil
}

// checkSessionKeys makes sure that what is written can be read.
func checkSessionKeys(recipient pki.SessionPublicKey, originator pki.SessionKey) error {
	switch {
	case recipient.Key == nil || originator.Key == nil:
		return keyError("no session key", nil)
	case checkKeyID(recipient.ID) != nil || checkKeyID(originator.ID) != nil:
		return keyError("session key without a proper id", nil)
	case curveName(originator.Key.Curve()) == nil:
		return keyError("session key on an unknown curve", nil)
	}
	return nil
}

func keyError(detail string, cause error) error {
	return fmt.Errorf("cms: encrypting: %w", &pki.Error{Kind: pki.ErrKey, Detail: detail, Err: cause})
}

// newRecipientInfo returns the DER of a SET of one KeyAgreeRecipientInfo.
func newRecipientInfo(recipientID []byte, originator pki.SessionKey, ukm, wrapped []byte) []byte {
	oid := func(content []byte) []byte { return ber.Append(nil, ber.ObjectIdentifier, content) }
	explicit := func(n int, values ...[]byte) []byte {
		return ber.Append(nil, ber.Context(n).Constructed(), values...)
	}
	public := originator.Key.PublicKey()
	keyType := ber.Append(nil, ber.Sequence, oid(oidECPublicKey), oid(curveName(public.Curve())))
	point := ber.Append(nil, ber.BitString, []byte{0}, public.Bytes())
	id := explicit(0, ber.Append(nil, ber.OctetString, recipientID))
	key := ber.Append(nil, ber.Sequence, id, ber.Append(nil, ber.OctetString, wrapped))
	info := explicit(1, versionThree,
		explicit(0, explicit(1, keyType, point)),
		explicit(1, ber.Append(nil, ber.OctetString, ukm)),
		emittedAgreementIdentifier,
		ber.Append(nil, ber.Sequence, key))
	return ber.Append(nil, ber.Set, info)
}

// newEnvelope returns what precedes and what follows the encrypted content. All
// lengths are computed first, so that the content is encrypted where it stays, in
// head, which has the capacity for the whole.
func newEnvelope(recipients, originatorID, iv []byte, plaintextLen int) (head, tail []byte) {
	attribute := ber.Append(nil, ber.Sequence,
		ber.Append(nil, ber.ObjectIdentifier, oidOriginatorKeyID),
		ber.Append(nil, ber.Set, ber.Append(nil, ber.OctetString, originatorID)))
	tail = ber.Append(nil, ber.Context(1).Constructed(), attribute)

	algorithm := ber.Append(nil, ber.Sequence, cbcOID, ber.Append(nil, ber.OctetString, iv))
	contentLen := paddedLen(plaintextLen)
	infoLen := len(dataElement) + len(algorithm) + ber.ElementLen(contentLen)
	fieldsLen := len(versionTwo) + len(recipients) + ber.ElementLen(infoLen) + len(tail)

	head = newContentInfo(oidEnvelopedData, fieldsLen)
	head = append(append(head, versionTwo...), recipients...)
	head = ber.AppendHeader(head, ber.Sequence, infoLen)
	head = append(append(head, dataElement...), algorithm...)
	return ber.AppendHeader(head, ber.Context(0), contentLen), tail
}
