package workers

import (
	"fmt"
	"log/slog"
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

// Error returns the text of the error.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recovery turns a panic into a [*PanicError] and logs where it was.
func recovery(logger *slog.Logger) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) (produced []*message.Message, err error) {
			defer func() {
				if v := recover(); v != nil {
					panicked := &PanicError{Value: v, Stack: debug.Stack()}
					logger.LogAttrs(msg.Context(), slog.LevelError, "handler panicked",
						slog.String("event_id", msg.UUID), slog.Any("error", panicked), slog.String("stack", string(panicked.Stack)))
					produced, err = nil, panicked
				}
			}()
			return next(msg)
		}
	}
}
