package ramf

import (
	"errors"
	"fmt"
)

// The ways in which a message is refused. Every error of this package wraps
// exactly one of them. None goes away by trying again, save ErrFromFuture.
var (
	// ErrMalformed: the octets are no RAMF message, or a field breaks its rules.
	ErrMalformed = errors.New("ramf: malformed message")
	// ErrSignature: the structure is sound but the signature does not verify or
	// is of a kind that Awala does not admit.
	ErrSignature = errors.New("ramf: invalid signature")
	// ErrExpired: the message outlived its time to live.
	ErrExpired = errors.New("ramf: expired message")
	// ErrFromFuture: the message was created later than the tolerance admits.
	ErrFromFuture = errors.New("ramf: message created in the future")
	// ErrUnauthorized: no trusted node vouches for the sender, or the one that
	// does is not the recipient.
	ErrUnauthorized = errors.New("ramf: unauthorised sender")
)

// malformed says what is wrong with a message.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}
