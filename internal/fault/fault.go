// Package fault classifies errors by what must be done about them, once, so
// that every edge (HTTP status, gRPC code, acknowledgement, process exit) maps
// a class and never an error text.
//
// There are three classes. A permanent error will not go away by itself: refuse
// the request, park the message. A fatal error says that this process cannot go
// on safely: stop it. Every other error is transient: retry with backoff.
// Unmarked errors are transient on purpose, because retrying what was permanent
// costs time, whereas giving up on what was transient loses a parcel.
package fault

import "errors"

type class int

const (
	transient class = iota
	permanent
	fatal
)

type classified struct {
	class class
	err   error
}

func (c *classified) Error() string { return c.err.Error() }
func (c *classified) Unwrap() error { return c.err }

// Permanent marks err as one that no retry can mend. It returns nil for nil.
func Permanent(err error) error { return mark(permanent, err) }

// Fatal marks err as one after which the process must stop. It returns nil for
// nil.
func Fatal(err error) error { return mark(fatal, err) }

// Transient marks err as worth retrying, whatever class the errors that it
// wraps have. It returns nil for nil.
func Transient(err error) error { return mark(transient, err) }

// IsPermanent tells whether the outermost class in err's chain is permanent.
func IsPermanent(err error) bool { return err != nil && classOf(err) == permanent }

// IsFatal tells whether the outermost class in err's chain is fatal.
func IsFatal(err error) bool { return err != nil && classOf(err) == fatal }

// Class names err's class for logs and metric labels: "transient", "permanent"
// or "fatal".
func Class(err error) string {
	switch classOf(err) {
	case permanent:
		return "permanent"
	case fatal:
		return "fatal"
	default:
		return "transient"
	}
}

func mark(c class, err error) error {
	if err == nil {
		return nil
	}
	return &classified{class: c, err: err}
}

func classOf(err error) class {
	var c *classified
	if errors.As(err, &c) {
		return c.class
	}
	return transient
}
