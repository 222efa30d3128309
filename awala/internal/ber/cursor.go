package ber

import (
	"errors"
	"fmt"
)

// ErrMalformed is input that is not BER, not of the expected type, or beyond the
// limits of this package.
var ErrMalformed = errors.New("ber: malformed")

const (
	// MaxDepth is how many elements may be open inside each other. Messages of
	// deployed clients need nine.
	MaxDepth = 16

	// maxSteps is how many headers may be read for one input, those skipped to
	// find the end of an indefinite length included. A 9 MiB message in pieces
	// of 1000 octets takes some 70,000.
	maxSteps = 1 << 20
)

// Tag is an identifier octet: class, constructed bit and number.
type Tag byte

// The universal types in use.
const (
	Integer          Tag = 0x02
	BitString        Tag = 0x03
	OctetString      Tag = 0x04
	Null             Tag = 0x05
	ObjectIdentifier Tag = 0x06
	Sequence         Tag = 0x30
	Set              Tag = 0x31

	constructed   Tag = 0x20
	numberMask    Tag = 0x1f
	endOfContents Tag = 0x00
)

// Context returns the primitive context-specific tag [n].
func Context(n int) Tag { return 0x80 | Tag(n) }

// Constructed returns the tag with the constructed bit.
func (t Tag) Constructed() Tag { return t | constructed }

// Primitive returns the tag without the constructed bit.
func (t Tag) Primitive() Tag { return t &^ constructed }

// IsConstructed tells whether the tag has the constructed bit.
func (t Tag) IsConstructed() bool { return t&constructed != 0 }

// Cursor reads elements one after the other. The first violation found through a
// cursor, or through any cursor over what is inside its elements, sticks: from then
// on all of them are empty, what they return is zero, and Err tells why. So a
// parser may read a whole structure and check once.
type Cursor struct {
	rest  []byte
	depth int // how many elements are open around rest
	*input
}

// input is what all cursors over one input share.
type input struct {
	steps int // headers that may still be read
	err   error
}

// NewCursor returns a cursor over octets, which it and all elements alias. More
// than maxLen octets are malformed.
func NewCursor(octets []byte, maxLen int) Cursor {
	c := Cursor{rest: octets, input: &input{steps: maxSteps}}
	if len(octets) > maxLen {
		c.fail("%d octets are more than %d", len(octets), maxLen)
	}
	return c
}

// Err returns the first violation found in the whole input so far, or nil.
func (in *input) Err() error { return in.err }

func (in *input) fail(format string, args ...any) {
	if in.err == nil {
		in.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
}

// Empty tells whether there is nothing more to read.
func (c *Cursor) Empty() bool { return c.err != nil || len(c.rest) == 0 }

// Done makes octets after the last element that was expected a violation.
func (c *Cursor) Done() {
	if !c.Empty() {
		c.fail("%d octets too many", len(c.rest))
	}
}

// NextIs tells whether another element follows and has the given tag.
func (c *Cursor) NextIs(tag Tag) bool { return !c.Empty() && Tag(c.rest[0]) == tag }

// Read reads the next element, which must have the given tag.
func (c *Cursor) Read(tag Tag) Element {
	if !c.NextIs(tag) {
		c.fail("no element with tag %#02x", byte(tag))
		return Element{}
	}
	return c.Next()
}

// ReadOptional reads the next element if it has the given tag, and tells whether
// it did.
func (c *Cursor) ReadOptional(tag Tag) (Element, bool) {
	if !c.NextIs(tag) {
		return Element{}, false
	}
	element := c.Next()
	return element, c.err == nil
}

// Enter reads the next element, which must be constructed with the given tag, and
// returns a cursor over what is in it.
func (c *Cursor) Enter(tag Tag) Cursor { return c.Open(c.Read(tag)) }

// Open returns a cursor over what is in a constructed element of this cursor.
func (c *Cursor) Open(e Element) Cursor {
	inner := Cursor{depth: c.depth + 1, input: c.input}
	switch {
	case c.err != nil:
	case !e.Tag.IsConstructed():
		c.fail("primitive element with tag %#02x opened", byte(e.Tag))
	case inner.depth > MaxDepth:
		c.fail("nested deeper than %d", MaxDepth)
	default:
		inner.rest = e.Content
	}
	return inner
}

// Next reads the next element, whatever it is.
func (c *Cursor) Next() Element {
	if c.err != nil {
		return Element{}
	}
	h := c.header(c.rest)
	if h.tag == endOfContents {
		c.fail("end of contents where there is none to end")
		return Element{}
	}
	contentLen, trailer := h.length, 0
	if h.indefinite {
		contentLen, trailer = c.findEnd(c.rest[h.len:]), endLen
	}
	if c.err != nil {
		return Element{}
	}
	contentEnd := h.len + contentLen
	element := Element{
		Tag:        h.tag,
		Raw:        c.rest[:contentEnd+trailer],
		Content:    c.rest[h.len:contentEnd],
		Indefinite: h.indefinite,
	}
	c.rest = c.rest[contentEnd+trailer:]
	return element
}

// endLen is the length of the end-of-contents octets.
const endLen = 2

// findEnd returns the offset of the end-of-contents octets that close an
// indefinite length. It does not recurse: elements of definite length are
// skipped, and those of indefinite length are counted.
func (c *Cursor) findEnd(body []byte) int {
	offset, open := 0, 1
	for {
		h := c.header(body[offset:])
		switch {
		case c.err != nil:
			return 0
		case h.indefinite:
			open++
			if c.depth+open > MaxDepth {
				c.fail("nested deeper than %d", MaxDepth)
				return 0
			}
		case h.tag == endOfContents:
			if open--; open == 0 {
				return offset
			}
		}
		offset += h.len + h.length
	}
}
