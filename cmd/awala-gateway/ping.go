package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/ping"
	"awala.network/gateway/internal/telemetry"
)

func newPing() *cobra.Command {
	var target ping.Target
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "ping",
		Short: "Send two parcels through a running gateway and show what each step took",
		Long: `ping registers two throw-away private gateways at a running gateway, sends a
parcel each way, one by PoWeb and one by PoHTTP, collects both and acknowledges
them. It exits with 0 if all of that worked, and otherwise says what did not.`,
		Example: "  awala-gateway ping --poweb http://127.0.0.1:8080 --pohttp http://127.0.0.1:8081",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return fmt.Errorf("--timeout %v: want more than 0", timeout)
			}
			ctx, release := untilSignal(cmd.Context())
			defer release()
			return failed(runPing(ctx, cmd.OutOrStdout(), target, timeout))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&target.PoWeb, "poweb", "http://127.0.0.1:8080", "URL of the PoWeb server")
	flags.StringVar(&target.PoHTTP, "pohttp", "http://127.0.0.1:8081", "URL of the PoHTTP server")
	flags.DurationVar(&timeout, "timeout", 30*time.Second, "time for the whole test")
	return cmd
}

func runPing(ctx context.Context, out io.Writer, target ping.Target, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("--timeout %v is over", timeout))
	defer cancel()
	began := time.Now()
	err := ping.Run(ctx, target, &ping.Report{W: out, Colour: telemetry.Coloured(out)})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nThe gateway works: two parcels sent and collected in %v.\n",
		time.Since(began).Round(time.Millisecond))
	return err
}
