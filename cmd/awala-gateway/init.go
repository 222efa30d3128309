package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/gateway"
)

func newInit(environ []string) *cobra.Command {
	var remote bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make what a gateway needs before its first start, or after an upgrade",
		Long: `init makes the streams and consumers, the bucket with its lifecycle rules, the
collections with their indexes, and the gateway's identity with its keys. What is
there it leaves as it is, so it can be run again at any time. Roles make most of
this by themselves, but not the bucket: run init once with credentials that may
make it, and the roles with others that may not.

Without --remote it works on the data folder of a standalone gateway.`,
		Example: `  awala-gateway init --internet-address gw.example.org --data-dir /var/lib/awala-gateway
  awala-gateway init --remote --config /etc/awala-gateway/config.yaml`,
		Args: cobra.NoArgs,
	}
	registerAll(cmd)
	cmd.Flags().BoolVar(&remote, "remote", false, "work on NATS, the object store, MongoDB and Vault, not on a data folder")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait for services")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options, err := toolOptions(cmd, environ, gateway.Services(remote))
		if err != nil {
			return err
		}
		ctx, release := untilSignal(cmd.Context())
		defer release()
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return failed(gateway.Init(ctx, options, func(step string) { fmt.Fprintln(cmd.OutOrStdout(), step) }))
	}
	return cmd
}
