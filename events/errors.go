package events

import (
	"errors"
	"fmt"
)

// ErrConflict says that a conditional append found another last record than the
// caller expected: someone else appended in between. Read again and decide anew.
var ErrConflict = errors.New("events: another record came first")

// UnknownTypeError says that this version of the gateway cannot read a type of
// event: it is not ours, or a newer version recorded it. A retry with the same
// program cannot help; a newer program can.
type UnknownTypeError struct {
	// Type is the full ce-type attribute.
	Type string
}

// Error returns the text of the error.
func (e *UnknownTypeError) Error() string { return fmt.Sprintf("events: unknown type %q", e.Type) }

// MalformedError says which part of an event is not as it must be.
type MalformedError struct {
	// Part is a header name, "data", "subject" or "channel".
	Part string
	// Reason continues the sentence that Part begins.
	Reason string
	// Err is the cause, if there is one.
	Err error
}

// Error returns the text of the error.
func (e *MalformedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("events: %s %s: %v", e.Part, e.Reason, e.Err)
	}
	return fmt.Sprintf("events: %s %s", e.Part, e.Reason)
}

// Unwrap returns the cause.
func (e *MalformedError) Unwrap() error { return e.Err }

func malformed(part, reason string) error { return &MalformedError{Part: part, Reason: reason} }
