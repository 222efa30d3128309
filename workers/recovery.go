package workers

import (
	"fmt"
	"runtime/debug"

	"github.com/ThreeDotsLabs/watermill/message"
)

// PanicError is a handler's panic. It is transient: the message is tried again
// and parked in the end.
type PanicError struct {
	// Value is what the handler panicked with, and Stack where.
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recovery turns a panic into a [*PanicError].
func recovery(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) (produced []*message.Message, err error) {
		defer func() {
			if v := recover(); v != nil {
				produced, err = nil, &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		return next(msg)
	}
}
