package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/doctor"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/telemetry"
)

func newDoctor(environ []string) *cobra.Command {
	var remote, skipDNS, asJSON, all bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine what a gateway rests on, and say how to put right what is wrong",
		Long: `doctor examines the settings and what they name: the data folder of a standalone
gateway, or with --remote the NATS servers, the object store, MongoDB and Vault; the
gateway's certificates; and the DNS records of its Internet address with the servers
that they name. Each finding comes with its fix. It changes nothing, and may be run
while the gateway runs.

Exit codes: 0 if there is no problem (there may be warnings), 1 if there is one, 2 if
the settings cannot be read.`,
		Example: `  awala-gateway doctor --data-dir /var/lib/awala-gateway
  awala-gateway doctor --remote --config /etc/awala-gateway/config.yaml --json`,
		Args: cobra.NoArgs,
	}
	registerAll(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&remote, "remote", false, "examine NATS, the object store, MongoDB and Vault, not a data folder")
	flags.BoolVar(&skipDNS, "skip-dns", false, "leave out the records of the Internet address")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	flags.BoolVar(&all, "all", false, "print also what is in order")
	flags.DurationVar(&timeout, "timeout", time.Minute, "time for the whole of it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options, err := toolOptions(cmd, environ, gateway.Services(remote))
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		report, err := gateway.Diagnose(ctx, options, skipDNS)
		if err != nil {
			return failed(err)
		}
		if err := printReport(cmd.OutOrStdout(), report, asJSON, all); err != nil {
			return failed(err)
		}
		if report.Problems > 0 {
			return failed(fmt.Errorf("%d problems found", report.Problems))
		}
		return nil
	}
	return cmd
}

func printReport(w io.Writer, report doctor.Report, asJSON, all bool) error {
	if !asJSON {
		return report.Write(w, all, telemetry.TerminalWidth(w))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
