package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// withTimeout bounds what a command does by its --timeout flag.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("--timeout %v is over", timeout))
}

// overrun says of an error that it came because the flag's time was over, if so.
func overrun(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	}
	return err
}
