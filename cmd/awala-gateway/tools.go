package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/telemetry"
)

// registerAll adds a flag for every setting that a gateway runs on.
func registerAll(cmd *cobra.Command) {
	config.RegisterFlags(cmd.Flags(), new(config.Config).Running()...)
}

// toolOptions reads the settings for a command that works on the services of a
// gateway. Its logs begin at warnings: what it does it prints.
func toolOptions(cmd *cobra.Command, environ []string, kind gateway.Kind) (gateway.Options, error) {
	c, err := config.Load(config.Sources{Flags: cmd.Flags(), Environ: environ})
	if err != nil {
		return gateway.Options{}, err
	}
	if err := kind.Check(c); err != nil {
		return gateway.Options{}, err
	}
	level := new(slog.LevelVar)
	level.Set(max(slog.LevelWarn, slog.Level(c.Logging.Level)))
	logger := telemetry.NewLogger(cmd.ErrOrStderr(), logFormat(c.Logging.Format), level)
	return gateway.Options{Kind: kind, Config: c, Logger: logger, Level: level}, nil
}
