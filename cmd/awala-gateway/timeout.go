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

// overrun says of an error that it came because the flag's time was over, if so and unless
// it says so itself, as those of net/http do.
func overrun(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}
