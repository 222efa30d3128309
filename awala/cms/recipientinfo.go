package cms

import (
	"bytes"
	"crypto/ecdh"

	"awala.network/gateway/awala/internal/ber"
)

var (
	oidECPublicKey = []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}       // 1.2.840.10045.2.1
	oidP256        = []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07} // 1.2.840.10045.3.1.7
	oidP384        = []byte{0x2b, 0x81, 0x04, 0x00, 0x22}                   // 1.3.132.0.34
	oidP521        = []byte{0x2b, 0x81, 0x04, 0x00, 0x23}                   // 1.3.132.0.35
)

// recipientInfo is a KeyAgreeRecipientInfo (RFC 5652 §6.2.2, RFC 5753 §3.1.1).
type recipientInfo struct {
	originator algorithm   // and curve of the originator's key
	point      ber.Element // BIT STRING of the originator's key
	hasUKM     bool
	ukm        []byte // user keying material
	agreement  keyAgreement
	algorithm  algorithm // whose interpretation agreement is
	keyID      []byte    // of the recipient
	wrappedKey []byte
}

// read reads the one RecipientInfo there must be. Violations of the encoding stay
// in the cursor; the error is about its contents.
func (r *recipientInfo) read(recipients *ber.Cursor) error {
	if recipients.NextIs(ber.Sequence) {
		return ErrSessionless
	}
	if !recipients.Empty() && !recipients.NextIs(ber.Context(1).Constructed()) {
		return unsupported("recipient that is not by key agreement")
	}
	info := recipients.Enter(ber.Context(1).Constructed())
	recipients.Done()
	info.Read(ber.Integer) // version, always 3
	if err := r.readOriginator(info.Enter(ber.Context(0).Constructed())); err != nil {
		return err
	}
	if explicit, ok := info.ReadOptional(ber.Context(1).Constructed()); ok {
		inner := info.Open(explicit)
		ukm := inner.ReadString(ber.OctetString)
		inner.Done()
		r.ukm, _ = ukm.Octets()
		r.hasUKM = true
	}
	r.algorithm = readAlgorithm(&info)
	keys := info.Enter(ber.Sequence)
	info.Done()
	return r.readKey(&keys)
}

// readOriginator reads the OriginatorIdentifierOrKey, which must be a key.
func (r *recipientInfo) readOriginator(choice ber.Cursor) error {
	if !choice.Empty() && !choice.NextIs(ber.Context(1).Constructed()) {
		return unsupported("originator identified by certificate")
	}
	key := choice.Enter(ber.Context(1).Constructed())
	choice.Done()
	r.originator = readAlgorithm(&key)
	r.point = key.Read(ber.BitString)
	key.Done()
	return nil
}

// readKey reads the one RecipientEncryptedKey there must be, which must identify
// the recipient's key by id.
func (r *recipientInfo) readKey(keys *ber.Cursor) error {
	key := keys.Enter(ber.Sequence)
	keys.Done()
	if key.NextIs(ber.Sequence) {
		return unsupported("recipient identified by certificate")
	}
	id := key.Enter(ber.Context(0).Constructed())
	r.keyID = id.Read(ber.OctetString).Content // a date and other attributes may follow
	r.wrappedKey = key.Read(ber.OctetString).Content
	key.Done()
	if keys.Err() != nil {
		return nil
	}
	return checkKeyID(r.keyID)
}

// interpret makes sense of the algorithms and returns the originator's key.
func (r *recipientInfo) interpret() (originator *ecdh.PublicKey, err error) {
	if r.agreement, err = newKeyAgreement(r.algorithm); err != nil {
		return nil, err
	}
	curve, err := curveOf(r.originator)
	if err != nil {
		return nil, err
	}
	// The first octet of a BIT STRING counts the unused bits at its end.
	if len(r.point.Content) == 0 || r.point.Content[0] != 0 {
		return nil, malformed("originator's key", nil)
	}
	originator, err = curve.NewPublicKey(r.point.Content[1:])
	if err != nil {
		return nil, malformed("originator's key", err)
	}
	return originator, nil
}

// curveOf returns the curve of an elliptic curve key. It must be named.
func curveOf(a algorithm) (ecdh.Curve, error) {
	if !bytes.Equal(a.oid, oidECPublicKey) || a.parameters.Tag != ber.ObjectIdentifier {
		return nil, unsupported("type of the originator's key")
	}
	switch name := a.parameters.Content; {
	case bytes.Equal(name, oidP256):
		return ecdh.P256(), nil
	case bytes.Equal(name, oidP384):
		return ecdh.P384(), nil
	case bytes.Equal(name, oidP521):
		return ecdh.P521(), nil
	}
	return nil, unsupported("curve of the originator's key")
}

// curveName returns the content of the object identifier of a curve, nil for one
// that is not accepted.
func curveName(curve ecdh.Curve) []byte {
	switch curve {
	case ecdh.P256():
		return oidP256
	case ecdh.P384():
		return oidP384
	case ecdh.P521():
		return oidP521
	}
	return nil
}

// unwrap returns the content-encryption key, given the shared secret.
func (r *recipientInfo) unwrap(secret []byte, keyLen int) ([]byte, error) {
	return r.agreement.unwrap(secret, r.ukm, r.hasUKM, r.wrappedKey, keyLen)
}
