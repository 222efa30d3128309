package ramf

import (
	"fmt"
	"time"

	"awala.network/gateway/awala/pki"
)

// CheckTiming tells whether the message is valid at an instant: created no later
// than futureTolerance afterwards, and not expired. Expiry has no tolerance.
//
// RS-000 ("Clock Drift Tolerance") asks to tolerate up to two hours where a
// private node is involved. The error wraps ErrFromFuture or ErrExpired.
func (m *Message) CheckTiming(at time.Time, futureTolerance time.Duration) error {
	if m.CreatedAt.After(at.Add(futureTolerance)) {
		return fmt.Errorf("%w: created %s", ErrFromFuture, m.CreatedAt.Format(time.RFC3339))
	}
	if at.After(m.ExpiresAt()) {
		return fmt.Errorf("%w: at %s", ErrExpired, m.ExpiresAt().Format(time.RFC3339))
	}
	return nil
}

// CheckSender tells whether the sender's certificate is within its validity
// period at an instant. It is all that can be said of a sender towards whom
// nobody here holds a trusted certificate; Authorize says more.
//
// The creation date is not compared with the validity period, although RS-001
// asks for it: honest messages are backdated beyond it. The error wraps
// ErrUnauthorized and pki's error.
func (m *Message) CheckSender(at time.Time) error {
	if err := m.Sender.CheckValidity(at); err != nil {
		return fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	return nil
}

// Authorize tells whether the recipient allows the sender to write to it: a
// certification path leads from the sender's certificate to one that v trusts,
// and the issuer of the sender's certificate is the recipient (RS-000, "Message
// Authorisation"). Attached certificates serve as intermediates.
//
// It returns the path, the sender first. The error wraps ErrUnauthorized, and
// the cause as one of pki's errors where there is one.
func (m *Message) Authorize(v *pki.Validator, at time.Time) (pki.Path, error) {
	path, err := v.Path(m.Sender, m.Attached, at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	if len(path) < 2 || path[1].SubjectID() != m.Recipient.ID {
		return nil, fmt.Errorf("%w: not authorised by the recipient", ErrUnauthorized)
	}
	return path, nil
}
