package cms

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"

	"awala.network/gateway/awala/internal/ber"
)

// gcmNonceLen is the one nonce length that RFC 5084 recommends and that works
// with every length of tag.
const gcmNonceLen = 12

// gcmDefaultTagLen is the length of the tag when the parameters leave it out
// (RFC 5084 §3.2).
const gcmDefaultTagLen = 12

// contentCipher is a content-encryption algorithm: AES in CBC mode, which deployed
// clients use, or GCM, which RS-018 names.
type contentCipher struct {
	keyLen int
	iv     []byte // or nonce
	tagLen int    // 0 in CBC mode
}

// newContentCipher interprets a content-encryption algorithm.
func newContentCipher(a algorithm) (contentCipher, error) {
	arc, ok := lastArc(a.oid, aesArc)
	if !ok {
		return contentCipher{}, unsupported("content encryption algorithm")
	}
	switch arc {
	case 2, 22, 42:
		return newCBC(int(arc-2)/20*8+16, a.parameters)
	case 6, 26, 46:
		return newGCM(int(arc-6)/20*8+16, a.parameters)
	}
	return contentCipher{}, unsupported("content encryption algorithm")
}

// newCBC reads the parameters of RFC 3565 §2.3: the initialisation vector.
func newCBC(keyLen int, parameters ber.Element) (contentCipher, error) {
	if parameters.Tag != ber.OctetString || len(parameters.Content) != aes.BlockSize {
		return contentCipher{}, malformed("initialisation vector", nil)
	}
	return contentCipher{keyLen: keyLen, iv: parameters.Content}, nil
}

// newGCM reads the parameters of RFC 5084 §3.2: the nonce and the length of the
// tag.
func newGCM(keyLen int, parameters ber.Element) (contentCipher, error) {
	c := ber.NewCursor(parameters.Raw, MaxLen)
	fields := c.Enter(ber.Sequence)
	c.Done()
	gcm := contentCipher{keyLen: keyLen, iv: fields.Read(ber.OctetString).Content, tagLen: gcmDefaultTagLen}
	if tagLen, ok := fields.ReadOptional(ber.Integer); ok {
		gcm.tagLen = smallInteger(tagLen.Content)
	}
	fields.Done()
	if c.Err() != nil {
		return contentCipher{}, malformed("parameters of GCM", c.Err())
	}
	if len(gcm.iv) != gcmNonceLen || gcm.tagLen < gcmDefaultTagLen || gcm.tagLen > aes.BlockSize {
		return contentCipher{}, unsupported("parameters of GCM")
	}
	return gcm, nil
}

// smallInteger returns the value of an INTEGER of one octet, or -1.
func smallInteger(content []byte) int {
	if len(content) != 1 {
		return -1
	}
	return int(int8(content[0]))
}

// open decrypts content with a key of the right length.
func (c contentCipher) open(key []byte, content ber.String) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	octets, aliased := content.Octets()
	dst := octets
	if aliased {
		dst = make([]byte, len(octets))
	}
	if c.tagLen > 0 {
		aead, err := cipher.NewGCMWithTagSize(block, c.tagLen)
		if err != nil {
			return nil, err
		}
		return aead.Open(dst[:0], c.iv, octets, nil)
	}
	if len(octets) == 0 || len(octets)%aes.BlockSize != 0 {
		return nil, errors.New("length of the content")
	}
	cipher.NewCBCDecrypter(block, c.iv).CryptBlocks(dst, octets)
	return unpad(dst)
}

// unpad removes the padding of RFC 5652 §6.3 from at least one block.
func unpad(padded []byte) ([]byte, error) {
	count := int(padded[len(padded)-1])
	if count == 0 || count > aes.BlockSize {
		return nil, errors.New("padding")
	}
	end := len(padded) - count
	for _, octet := range padded[end:] {
		if int(octet) != count {
			return nil, errors.New("padding")
		}
	}
	return padded[:end], nil
}

// sealCBC appends the padded and encrypted plaintext to dst, which must have the
// capacity. Whole blocks are not copied first.
func sealCBC(dst, plaintext []byte, block cipher.Block, iv []byte) []byte {
	start, whole := len(dst), len(plaintext)/aes.BlockSize*aes.BlockSize
	last := make([]byte, 0, aes.BlockSize)
	last = append(last, plaintext[whole:]...)
	for count := aes.BlockSize - len(last); len(last) < aes.BlockSize; {
		last = append(last, byte(count))
	}
	dst = dst[:start+whole+aes.BlockSize]
	encrypter := cipher.NewCBCEncrypter(block, iv)
	encrypter.CryptBlocks(dst[start:], plaintext[:whole])
	encrypter.CryptBlocks(dst[start+whole:], last)
	return dst
}

// paddedLen returns the length of a plaintext with its padding.
func paddedLen(length int) int { return (length/aes.BlockSize + 1) * aes.BlockSize }
