package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/telemetry"
)

// runGateway runs a gateway of the kind until a signal or a failure ends it.
func runGateway(cmd *cobra.Command, environ []string, kind gateway.Kind) error {
	sources := config.Sources{Flags: cmd.Flags(), Environ: environ}
	c, err := config.Load(sources)
	if err != nil {
		return err
	}
	if err := kind.Check(c); err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(slog.Level(c.Logging.Level))
	logger := telemetry.NewLogger(cmd.ErrOrStderr(), logFormat(c.Logging.Format), level)
	limitMemory(logger)
	for _, variable := range sources.Unknown() {
		logger.Warn("environment variable names no setting", slog.String("variable", variable))
	}
	ctx, release := untilSignal(cmd.Context())
	defer release()
	options := gateway.Options{Kind: kind, Config: c, Logger: logger, Level: level}
	return failed(gateway.Run(ctx, options, func(info gateway.Info) {
		if c.Logging.Format == config.LogJSON {
			return // what collects records reads both streams
		}
		if err := writeWelcome(cmd.OutOrStdout(), info); err != nil {
			logger.Warn("the welcome could not be written", slog.Any("error", err))
		}
	}))
}

// limitMemory has the garbage collector keep below the memory limit of the cgroup,
// such as a container's, unless GOMEMLIMIT says what to keep below.
func limitMemory(logger *slog.Logger) {
	limit, err := memlimit.Set()
	switch {
	case err != nil:
		logger.Debug("no memory limit is known", slog.Any("error", err))
	case limit < math.MaxInt64:
		logger.Info("memory limit", slog.Int64("octets", limit))
	}
}

func logFormat(f config.LogFormat) telemetry.Format {
	switch f {
	case config.LogText:
		return telemetry.Text
	case config.LogJSON:
		return telemetry.JSON
	default:
		return telemetry.Auto
	}
}

// untilSignal returns a context that ends with the first SIGTERM or SIGINT.
// From then on the signals have their usual effect, so that the second one ends
// the process at once.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// self is how to start this program again from where the user is.
func self() string {
	path, err := os.Executable()
	if err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/awala-gateway"
	}
	return os.Args[0]
}
