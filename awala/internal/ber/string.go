package ber

// String is the value of an OCTET STRING, whole or in pieces. It aliases the
// input.
type String struct {
	pieces [][]byte
	length int
}

// ReadString reads an OCTET STRING, primitive or constructed, with the given
// tag, which may be an implicit one.
func (c *Cursor) ReadString(tag Tag) String {
	if !c.NextIs(tag.Primitive()) && !c.NextIs(tag.Constructed()) {
		c.fail("no string with tag %#02x", byte(tag.Primitive()))
		return String{}
	}
	var s String
	s.collect(c, c.Next())
	return s
}

// collect appends the pieces of a string. Those of a constructed one may be
// constructed themselves (X.690 §8.7.3); the recursion is bounded by MaxDepth.
func (s *String) collect(c *Cursor, e Element) {
	if !e.Tag.IsConstructed() {
		if len(e.Content) > 0 {
			s.pieces = append(s.pieces, e.Content)
			s.length += len(e.Content)
		}
		return
	}
	pieces := c.Open(e)
	for !pieces.Empty() {
		piece := pieces.Next()
		if piece.Tag.Primitive() != OctetString {
			c.fail("piece of a string with tag %#02x", byte(piece.Tag))
			return
		}
		s.collect(&pieces, piece)
	}
}

// Len returns the length of the value.
func (s String) Len() int { return s.length }

// Octets returns the value, never nil. It is the input itself, which aliased
// tells, if the value is in one piece; else it is a copy that is the caller's.
func (s String) Octets() (octets []byte, aliased bool) {
	if len(s.pieces) == 1 {
		return s.pieces[0], true
	}
	octets = make([]byte, 0, s.length)
	for _, piece := range s.pieces {
		octets = append(octets, piece...)
	}
	return octets, false
}
