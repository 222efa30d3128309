package cms

import (
	"errors"
	"fmt"
)

// The kinds of refusal. Match them with errors.Is.
var (
	// ErrMalformed is input that is not encoded as RFC 5652 and Awala demand.
	ErrMalformed = errors.New("cms: malformed")
	// ErrUnsupported is well-formed input with an algorithm or a choice that
	// Awala does not allow.
	ErrUnsupported = errors.New("cms: unsupported")
	// ErrSignature is a signature that was not made over this content by the
	// certificate that it names, or that names none of those attached.
	ErrSignature = errors.New("cms: invalid signature")
	// ErrDecryption is a payload that the given key does not decrypt, whatever
	// the step that failed.
	ErrDecryption = errors.New("cms: decryption failed")
	// ErrSessionless is a payload encrypted to an identity key, without a
	// session (a key transport recipient). No node accepts such payloads.
	ErrSessionless = errors.New("cms: payload is encrypted without a session key")
)

// malformed says what of the input is malformed.
func malformed(what string, cause error) error {
	if cause == nil {
		return fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	return fmt.Errorf("%w: %s: %w", ErrMalformed, what, cause)
}

// unsupported says what of the input is unsupported.
func unsupported(what string) error { return fmt.Errorf("%w: %s", ErrUnsupported, what) }
