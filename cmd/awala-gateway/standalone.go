package main

import (
	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
)

func newStandalone(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "standalone",
		Short: "Run every role in this process, on one data folder, with nothing to install",
		Long: `standalone runs a whole gateway in one process: all servers and workers, with
the event history, blobs, read models and private keys in one folder. Everything
that was acknowledged is on disk and survives a kill. The first start makes the
gateway's identity; who loses the folder loses the identity.

SIGTERM or Ctrl-C stops it within 12 seconds; a second one stops it at once.`,
		Args: cobra.NoArgs,
	}
	c := new(config.Config)
	config.RegisterFlags(cmd.Flags(),
		&c.Gateway, &c.Standalone, &c.History, &c.PoWeb, &c.PoHTTP, &c.CogRPC, &c.Limits, &c.Delivery, &c.PDC, &c.Admin, &c.Logging, &c.Tracing)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runGateway(cmd, environ, gateway.Standalone())
	}
	return cmd
}
