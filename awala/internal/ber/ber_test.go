package ber

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const testMaxLen = 9 << 20

func TestMalformed(t *testing.T) {
	cases := map[string][]byte{
		"tag alone":                        {0x30},
		"content cut off":                  {0x30, 2, 5},
		"length cut off":                   {0x30, 0x82, 1},
		"length of 5 octets":               {0x30, 0x85, 0, 0, 0, 0, 0},
		"huge length":                      {0x30, 0x84, 0xff, 0xff, 0xff, 0xff},
		"reserved length":                  {0x30, 0xff},
		"primitive of indefinite length":   {0x04, 0x80, 0, 0},
		"end missing":                      {0x30, 0x80, 5, 0},
		"inner end missing":                {0x30, 0x80, 0x30, 0x80, 0, 0},
		"end with contents":                {0x30, 0x80, 0, 1, 0, 0, 0},
		"end with length of the long form": {0x30, 0x80, 0, 0x81, 0, 0, 0},
		"end alone":                        {0, 0},
		"long tag":                         {0x3f, 0x81, 1, 0},
	}
	for name, octets := range cases {
		c := NewCursor(octets, testMaxLen)
		if element := c.Next(); !errors.Is(c.Err(), ErrMalformed) || element.Raw != nil {
			t.Errorf("%s: got %v, error %v", name, element, c.Err())
		}
	}
}

func TestReading(t *testing.T) {
	octets := []byte{0x30, 0x80, 0x30, 0x80, 2, 1, 7, 0, 0, 0x24, 4, 4, 2, 'h', 'i', 0, 0, 5, 0}
	c := NewCursor(octets, testMaxLen)
	outer := c.Enter(Sequence)
	inner := outer.Enter(Sequence)
	if got := inner.Read(Integer).Content; !bytes.Equal(got, []byte{7}) {
		t.Errorf("integer %x", got)
	}
	inner.Done()
	text := outer.ReadString(OctetString)
	if got, aliased := text.Octets(); string(got) != "hi" || !aliased || text.Len() != 2 {
		t.Errorf("string %q, aliased %v", got, aliased)
	}
	outer.Done()
	if _, ok := c.ReadOptional(Integer); ok {
		t.Error("read an optional element that is not there")
	}
	if _, ok := c.ReadOptional(Null); !ok {
		t.Error("did not read an optional element that is there")
	}
	c.Done()
	if c.Err() != nil {
		t.Error(c.Err())
	}
}

func TestRawCoversTheWholeElement(t *testing.T) {
	octets := []byte{0x30, 0x80, 5, 0, 0, 0}
	c := NewCursor(append(octets, 5, 0), testMaxLen)
	element := c.Next()
	if !bytes.Equal(element.Raw, octets) || !bytes.Equal(element.Content, octets[2:4]) || !element.Indefinite {
		t.Errorf("got %+v", element)
	}
}

func TestFirstViolationSticks(t *testing.T) {
	c := NewCursor([]byte{0x30, 2, 5, 0, 5, 0}, testMaxLen)
	inner := c.Enter(Sequence)
	inner.Read(Integer)
	first := c.Err()
	if !errors.Is(first, ErrMalformed) || !c.Empty() || !inner.Empty() {
		t.Errorf("error %v, %v, %v", first, c.Empty(), inner.Empty())
	}
	c.Done()
	opened := c.Enter(Set)
	opened.ReadString(OctetString)
	if c.Err() != first || opened.Next().Raw != nil {
		t.Errorf("error changed to %v", c.Err())
	}
}

func TestTooLong(t *testing.T) {
	c := NewCursor([]byte{5, 0}, 1)
	if !errors.Is(c.Err(), ErrMalformed) || !c.Empty() {
		t.Errorf("got %v", c.Err())
	}
}

func TestMisuse(t *testing.T) {
	for name, read := range map[string]func(*Cursor){
		"opening a primitive": func(c *Cursor) { c.Enter(Null) },
		"octets left over":    func(c *Cursor) { c.Done() },
		"no string":           func(c *Cursor) { c.ReadString(OctetString) },
	} {
		c := NewCursor([]byte{5, 0}, testMaxLen)
		if read(&c); !errors.Is(c.Err(), ErrMalformed) {
			t.Errorf("%s: got %v", name, c.Err())
		}
	}
	c := NewCursor([]byte{0x24, 2, 5, 0}, testMaxLen)
	if c.ReadString(OctetString); !errors.Is(c.Err(), ErrMalformed) {
		t.Errorf("string with a NULL in it: got %v", c.Err())
	}
}

// TestDepth nests up to the cap and one deeper, in both forms of length.
func TestDepth(t *testing.T) {
	for depth, ok := range map[int]bool{MaxDepth: true, MaxDepth + 1: false} {
		definite, indefinite := []byte(nil), []byte(nil)
		for range depth {
			definite = Append(nil, Sequence, definite)
			indefinite = append(append([]byte{0x30, 0x80}, indefinite...), 0, 0)
		}
		for _, octets := range [][]byte{definite, indefinite} {
			c := NewCursor(octets, testMaxLen)
			inner := c
			for range depth {
				inner = inner.Enter(Sequence)
			}
			if (c.Err() == nil) != ok {
				t.Errorf("depth %d: %v", depth, c.Err())
			}
		}
	}
}

// TestBombs gives inputs of the greatest size that exhaust readers which recurse,
// or which read an element once for each level that it is in.
func TestBombs(t *testing.T) {
	pieces := append(bytes.Repeat([]byte{0x24, 0x80}, 14), bytes.Repeat([]byte{4, 0}, testMaxLen/2-28)...)
	pieces = append(pieces, make([]byte, 28)...)
	cases := map[string][]byte{
		"nested":          bytes.Repeat([]byte{0x30, 0x80}, testMaxLen/2),
		"nested strings":  bytes.Repeat([]byte{0x24, 0x80}, testMaxLen/2),
		"tiny pieces":     pieces,
		"empty elements":  append([]byte{0x30, 0x80}, bytes.Repeat([]byte{5, 0}, testMaxLen/2-1)...),
		"definite nested": nestDefinite(1 << 10),
	}
	for name, octets := range cases {
		start := time.Now()
		c := NewCursor(octets, testMaxLen)
		if c.NextIs(Sequence) {
			walk(&c)
		} else {
			c.ReadString(OctetString)
		}
		if !errors.Is(c.Err(), ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, c.Err())
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func nestDefinite(depth int) []byte {
	octets := []byte{5, 0}
	for range depth {
		octets = Append(nil, Sequence, octets)
	}
	return octets
}

// walk reads everything below a cursor.
func walk(c *Cursor) {
	for !c.Empty() {
		if element := c.Next(); element.Tag.IsConstructed() {
			inner := c.Open(element)
			walk(&inner)
		}
	}
}

func TestWrittenIsReadByStandardLibrary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		length := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 1<<17)).Draw(rt, "length")
		content := make([]byte, length)
		der := Append(nil, OctetString, content[:length/2], content[length/2:])
		if len(der) != ElementLen(length) {
			rt.Fatalf("%d octets, want %d", len(der), ElementLen(length))
		}
		var got []byte
		if rest, err := asn1.Unmarshal(der, &got); err != nil || len(rest) > 0 || !bytes.Equal(got, content) {
			rt.Fatalf("got %d octets, error %v", len(got), err)
		}
		c := NewCursor(der, testMaxLen)
		if element := c.Read(OctetString); !bytes.Equal(element.Content, content) || c.Err() != nil {
			rt.Fatalf("got %d octets, error %v", len(element.Content), c.Err())
		}
	})
}

func TestTags(t *testing.T) {
	if Context(1) != 0x81 || Context(1).Constructed() != 0xa1 || Tag(0xa1).Primitive() != 0x81 {
		t.Error("context-specific tags")
	}
	if Sequence.IsConstructed() != true || Integer.IsConstructed() {
		t.Error("constructed bit")
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x24, 4, 4, 2, 'h', 'i', 0, 0})
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 20))
	f.Fuzz(func(t *testing.T, octets []byte) {
		c := NewCursor(octets, testMaxLen)
		walk(&c)
		s := NewCursor(octets, testMaxLen)
		text := s.ReadString(OctetString)
		if got, _ := text.Octets(); len(got) != text.Len() || len(got) > len(octets) {
			t.Errorf("string of %d octets, %d announced", len(got), text.Len())
		}
	})
}
