package handlers

import (
	"errors"

	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/internal/fault"
)

// RefusalKind tells what is wrong with refused input.
type RefusalKind int

const (
	// Malformed input is no such message, or its signature does not verify: HTTP 400.
	Malformed RefusalKind = iota + 1
	// Invalid input is a message that may not be accepted: expired, dated in the
	// future, or not authorised by its recipient.
	Invalid
	// Misdirected input is sound but meant for another node.
	Misdirected
	// Used input may be used once, and was.
	Used
)

// Refusal says that input will never be accepted. Nothing of it was kept.
type Refusal struct {
	Kind RefusalKind
	// Reason says why, for the sender; it holds nothing that the sender did not
	// send.
	Reason string
	// Err is the cause, if there is one.
	Err error
}

// Error returns the reason.
func (r *Refusal) Error() string { return "refused: " + r.Reason }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// AsRefusal returns the refusal in an error's chain, or nil.
func AsRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

func refuse(kind RefusalKind, reason string, cause error) error {
	return fault.Permanent(&Refusal{Kind: kind, Reason: reason, Err: cause})
}

// refuseMessage refuses a message for an error of package ramf.
func refuseMessage(err error) error {
	if errors.Is(err, ramf.ErrMalformed) || errors.Is(err, ramf.ErrSignature) {
		return refuse(Malformed, err.Error(), err)
	}
	return refuse(Invalid, err.Error(), err)
}
