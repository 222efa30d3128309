package ber

// Element is one tag, length and content. It aliases the input.
type Element struct {
	// Tag is the identifier octet.
	Tag Tag
	// Raw is the whole element as received, header and end of contents included.
	Raw []byte
	// Content is what is between the header and the end of contents, if any.
	Content []byte
	// Indefinite tells that the length was, so that Raw cannot be DER.
	Indefinite bool
}
