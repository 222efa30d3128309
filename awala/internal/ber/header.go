package ber

// header is a tag and a length.
type header struct {
	tag        Tag
	len        int // of the header itself
	length     int // of the content; 0 when indefinite
	indefinite bool
}

// header reads the header at the start of octets and makes sure that the content
// it announces is there.
func (in *input) header(octets []byte) header {
	if in.steps--; in.steps < 0 {
		in.fail("too many elements")
		return header{}
	}
	if len(octets) < 2 {
		in.fail("truncated")
		return header{}
	}
	h := header{tag: Tag(octets[0]), len: 2}
	if h.tag&numberMask == numberMask {
		in.fail("tag number over 30")
		return header{}
	}
	switch first := octets[1]; {
	case first < 0x80:
		h.length = int(first)
	case first == 0x80:
		h.indefinite = true
	default:
		in.readLongLength(&h, octets)
	}
	in.check(h, len(octets))
	return h
}

// readLongLength reads a length of the long form. More than 4 octets could not
// describe anything that is accepted; leading zeros are allowed in BER.
func (in *input) readLongLength(h *header, octets []byte) {
	count := int(octets[1] & 0x7f)
	if count > 4 || len(octets) < 2+count {
		in.fail("length")
		return
	}
	length := uint64(0)
	for _, octet := range octets[2 : 2+count] {
		length = length<<8 | uint64(octet)
	}
	if length > uint64(len(octets)) {
		in.fail("truncated")
		return
	}
	h.len += count
	h.length = int(length)
}

func (in *input) check(h header, available int) {
	switch {
	case h.length > available-h.len:
		in.fail("truncated")
	case h.indefinite && !h.tag.IsConstructed():
		in.fail("indefinite length of a primitive element")
	case h.tag == endOfContents && (h.length != 0 || h.len != endLen):
		in.fail("end of contents with contents")
	}
}
