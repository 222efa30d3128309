package main

import (
	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
)

// roleLong is what the help of every role has in common.
const roleLong = `

The process keeps no state: all of it is in NATS JetStream, an S3 bucket, MongoDB
and Vault, which the settings name. Any number of these processes can run at once
and be stopped or killed at any time. It waits for services that are not there
yet; /readyz on the admin server says which.`

func newPoWeb(environ []string) *cobra.Command {
	c := new(config.Config)
	return newRole(environ, "poweb", "Run the PoWeb server: private gateways register, deliver and collect",
		gateway.PoWeb(), c, &c.PoWeb, &c.Limits)
}

func newPoHTTP(environ []string) *cobra.Command {
	c := new(config.Config)
	return newRole(environ, "pohttp", "Run the PoHTTP server: other Internet nodes deliver parcels",
		gateway.PoHTTP(), c, &c.PoHTTP, &c.Limits)
}

func newCogRPC(environ []string) *cobra.Command {
	c := new(config.Config)
	return newRole(environ, "cogrpc", "Run the CogRPC server: couriers exchange cargo",
		gateway.CogRPC(), c, &c.CogRPC, &c.Limits)
}

func newWorker(environ []string) *cobra.Command {
	parent := &cobra.Command{
		Use:   "worker",
		Short: "Run one of the workers",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c := new(config.Config)
	parent.AddCommand(
		newRole(environ, "cargo", "Unwrap the cargo that couriers delivered",
			gateway.CargoWorker(), new(config.Config)),
		newRole(environ, "delivery", "Deliver parcels to other Internet nodes, and try again what fails",
			gateway.DeliveryWorker(), c, &c.Delivery, &c.PDC),
		newRole(environ, "projections", "Keep the read models up to date with the event history",
			gateway.ProjectionsWorker(), new(config.Config)),
		newRole(environ, "housekeeping", "End what has expired, remove what is not needed, renew the certificate",
			gateway.HousekeepingWorker(), new(config.Config)),
	)
	return parent
}

// newRole returns the command of a kind of process on remote services. Its flags
// are the settings of those and the sections of c that are given.
func newRole(environ []string, use, short string, kind gateway.Kind, c *config.Config, sections ...any) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: short + "." + roleLong, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runGateway(cmd, environ, kind) },
	}
	config.RegisterFlags(cmd.Flags(), append(sections,
		&c.Gateway, &c.History, &c.NATS, &c.ObjectStore, &c.MongoDB, &c.Vault, &c.Admin, &c.Logging, &c.Tracing)...)
	return cmd
}
