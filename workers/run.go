package workers

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Runner is something that works until its context ends and returns nil then.
type Runner func(ctx context.Context) error

// Run owns the runners: it starts them together, ends the others when one
// fails, and returns the first error after all have returned.
func Run(ctx context.Context, runners ...Runner) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range runners {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}
