package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/upkeep"
)

func newEventsForget(environ []string) *cobra.Command {
	f := new(upkeepFlags)
	var order handlers.ForgetOrder
	var yes bool
	cmd := &cobra.Command{
		Use:   "forget GATEWAY-ID",
		Short: "Make unreadable for ever what the history has of a private gateway",
		Long: `forget destroys the key with which the history can tell who a private gateway was, and
what it and its endpoints sent and got. The history itself does not change: it still
verifies, and what is of others can be read as before. Afterwards neither the streams
nor the projections nor the object store name the private gateway. It cannot be undone.

What waits for the private gateway, and what it sent and is still on its way, is dropped,
because it names it; --keep-sent refuses to begin as long as there is such. Session keys
that are bound to it are deleted: to use couriers again it must register again. If it
goes on by PoWeb, it gets a new pseudonym, and nothing that is accepted afterwards is
lost. For about a minute, what is of it is refused, as in an outage.

Any process that keeps projections can do it. It takes some minutes, or as long as
rebuilding all projections does. It can be interrupted: run it again to go on. See
docs/privacy.md for what it does not reach: logs, backups, archives that were revealed.`,
		Example: `  awala-gateway events forget 0d17f65c... --dry-run
  awala-gateway events forget 0d17f65c... --reason "request 2026-17" --yes`,
		Args: exactly(1),
	}
	f.register(cmd, environ)
	cmd.Flags().StringVar(&order.By, "by", userName(), "who, for the history")
	cmd.Flags().StringVar(&order.Reason, "reason", "", "why, for the history, without naming the private gateway")
	cmd.Flags().BoolVar(&order.DryRun, "dry-run", false, "only say what would be dropped")
	cmd.Flags().BoolVar(&order.KeepSent, "keep-sent", false, "do not begin while parcels that it sent are on their way")
	cmd.Flags().BoolVar(&yes, "yes", false, "really do it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !yes && !order.DryRun {
			return errors.New("this cannot be undone: look with --dry-run first, and then add --yes")
		}
		order.GatewayID = args[0]
		return f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, _ []string) error {
			return forgetGateway(ctx, c, newProgress(out, f.json), order)
		})(cmd, args)
	}
	return cmd
}

func forgetGateway(ctx context.Context, c *upkeep.Client, p *upkeepProgress, order handlers.ForgetOrder) error {
	err := c.Forget(ctx, order, p.line)
	if p.done(); err != nil && ctx.Err() != nil && !order.DryRun {
		return errors.New("interrupted: run the command again to go on")
	}
	return err
}

// describeForgotten says in words what was done.
func describeForgotten(g handlers.ForgottenGateway) string {
	if g.DryRun {
		return fmt.Sprintf("%s would be forgotten; to be dropped: %v\n", g.Pseudonym, g.Waiting)
	}
	return fmt.Sprintf("%s is forgotten: %v were dropped, %d session keys deleted, %d projections rebuilt\n",
		g.Pseudonym, g.Waiting, g.SessionKeys, g.Projections)
}
