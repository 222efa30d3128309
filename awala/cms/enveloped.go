package cms

import (
	"bytes"
	"crypto/ecdh"

	"awala.network/gateway/awala/internal/ber"
	"awala.network/gateway/awala/pki"
)

// maxKeyIDLen bounds the ids of session keys, which end up in key stores. RS-003
// provides for random octets (8 in all deployed clients) and digests.
const maxKeyIDLen = 64

// EnvelopedData is a parsed EnvelopedData (RFC 5652 §6). It aliases its input and
// is safe for concurrent use.
type EnvelopedData struct {
	recipient  recipientInfo
	originator pki.SessionPublicKey
	cipher     contentCipher
	content    ber.String // encrypted
}

// ParseEnveloped reads an EnvelopedData with exactly one recipient, by key
// agreement, and the id of the originator's key. The input is aliased and must
// not change.
//
// Errors: ErrMalformed; ErrUnsupported; ErrSessionless when the recipient is
// identified by a certificate rather than a session key.
func ParseEnveloped(input []byte) (*EnvelopedData, error) {
	fields, err := enterContentInfo(input, oidEnvelopedData)
	if err != nil {
		return nil, err
	}
	ed := &EnvelopedData{}
	fields.Read(ber.Integer) // version; what it would announce is checked as such
	recipients := fields.Enter(ber.Set)
	if err := ed.recipient.read(&recipients); err != nil {
		return nil, err
	}
	algorithm, err := ed.readContent(&fields)
	if err != nil {
		return nil, err
	}
	keyID, err := readOriginatorKeyID(&fields)
	fields.Done()
	if fields.Err() != nil {
		return nil, malformed("EnvelopedData", fields.Err())
	}
	if err != nil {
		return nil, err
	}
	if err := ed.interpret(algorithm, keyID); err != nil {
		return nil, err
	}
	return ed, nil
}

// interpret makes sense of what was read, all of which is well-formed.
func (ed *EnvelopedData) interpret(algorithm algorithm, keyID []byte) (err error) {
	if ed.originator.Key, err = ed.recipient.interpret(); err != nil {
		return err
	}
	ed.originator.ID = bytes.Clone(keyID)
	ed.cipher, err = newContentCipher(algorithm)
	return err
}

// readContent reads the EncryptedContentInfo (RFC 5652 §6.1).
func (ed *EnvelopedData) readContent(fields *ber.Cursor) (algorithm, error) {
	info := fields.Enter(ber.Sequence)
	contentType := info.Read(ber.ObjectIdentifier).Content
	if fields.Err() == nil && !bytes.Equal(contentType, oidData) {
		return algorithm{}, unsupported("type of the encrypted content")
	}
	algorithm := readAlgorithm(&info)
	ed.content = info.ReadString(ber.Context(0))
	info.Done()
	return algorithm, nil
}

// readOriginatorKeyID reads the unprotected attributes, one of which must be the id
// of the originator's session key (RS-003).
func readOriginatorKeyID(fields *ber.Cursor) (keyID []byte, err error) {
	attributes := fields.Enter(ber.Context(1).Constructed())
	for !attributes.Empty() {
		attribute := attributes.Enter(ber.Sequence)
		oid := attribute.Read(ber.ObjectIdentifier).Content
		values := attribute.Enter(ber.Set)
		attribute.Done()
		if bytes.Equal(oid, oidOriginatorKeyID) && !readOnce(&keyID, &values, ber.OctetString) {
			return nil, malformed("id of the originator's key", nil)
		}
	}
	return keyID, checkKeyID(keyID)
}

func checkKeyID(id []byte) error {
	if len(id) == 0 || len(id) > maxKeyIDLen {
		return malformed("session key id missing or too long", nil)
	}
	return nil
}

// RecipientKeyID returns the id of the session key that the payload is encrypted
// to.
func (ed *EnvelopedData) RecipientKeyID() []byte { return bytes.Clone(ed.recipient.keyID) }

// OriginatorKey returns the session key of the sender, to which answers are to be
// encrypted. It is the sender's only if the message around the payload is signed.
func (ed *EnvelopedData) OriginatorKey() pki.SessionPublicKey { return ed.originator }

// Decrypt returns the plaintext, which is the caller's. Whatever goes wrong after
// parsing is the same ErrDecryption: which step failed must not be an oracle.
func (ed *EnvelopedData) Decrypt(key *ecdh.PrivateKey) ([]byte, error) {
	cek, err := ed.contentKey(key)
	if err != nil {
		return nil, ErrDecryption
	}
	plaintext, err := ed.cipher.open(cek, ed.content)
	if err != nil {
		return nil, ErrDecryption
	}
	return plaintext, nil
}

// contentKey agrees on a key with the originator's and unwraps the content's with it.
func (ed *EnvelopedData) contentKey(key *ecdh.PrivateKey) ([]byte, error) {
	if key == nil {
		return nil, ErrDecryption
	}
	secret, err := key.ECDH(ed.originator.Key)
	if err != nil {
		return nil, err
	}
	return ed.recipient.unwrap(secret, ed.cipher.keyLen)
}
