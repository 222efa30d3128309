package ber

// HeaderLen returns the length of the DER header of an element whose content has
// the given length.
func HeaderLen(length int) int {
	n := 2
	if length >= 0x80 {
		for ; length > 0; length >>= 8 {
			n++
		}
	}
	return n
}

// ElementLen returns the length of a whole element in DER whose content has the
// given length.
func ElementLen(length int) int { return HeaderLen(length) + length }

// AppendHeader appends the DER header of an element whose content has the given
// length. Writing headers before contents keeps large contents from being moved.
func AppendHeader(dst []byte, tag Tag, length int) []byte {
	if length < 0x80 {
		return append(dst, byte(tag), byte(length))
	}
	octets := HeaderLen(length) - 2
	dst = append(dst, byte(tag), 0x80|byte(octets))
	for shift := 8 * (octets - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(length>>shift))
	}
	return dst
}

// Append appends a whole element in DER.
func Append(dst []byte, tag Tag, contents ...[]byte) []byte {
	length := 0
	for _, content := range contents {
		length += len(content)
	}
	dst = AppendHeader(dst, tag, length)
	for _, content := range contents {
		dst = append(dst, content...)
	}
	return dst
}
