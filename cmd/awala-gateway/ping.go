package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/ping"
	"awala.network/gateway/internal/telemetry"
)

func newPing(environ []string) *cobra.Command {
	var target ping.Target
	var timeout time.Duration
	var asJSON bool
	discovery := new(config.Discovery)
	cmd := &cobra.Command{
		Use:   "ping [INTERNET-ADDRESS]",
		Short: "Send parcels through a running gateway and show what each step took",
		Long: `ping registers two throw-away private gateways at a running gateway, sends a
parcel each way, one by PoWeb and one by PoHTTP, collects both and acknowledges
them. Then a courier brings one in a cargo and collects one. It exits with 0 if all of
that worked, and otherwise says what did not.

With an Internet address it finds the servers as peers do: by SRV records that DNSSEC
authenticates, and with TLS. Without one it takes the URLs.`,
		Example: `  awala-gateway ping --poweb http://poweb:8080 --pohttp http://pohttp:8081 --cogrpc http://cogrpc:8082
  awala-gateway ping gw.example.org`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 {
				return fmt.Errorf("--timeout %v: want more than 0", timeout)
			}
			if len(args) == 1 {
				if err := config.LoadSections(config.Sources{Flags: cmd.Flags(), Environ: environ}, discovery); err != nil {
					return err
				}
				if err := byAddress(cmd, &target, args[0], *discovery); err != nil {
					return err
				}
			}
			if len(args) == 0 && cmd.Flags().Changed("poweb") && !cmd.Flags().Changed("cogrpc") {
				return errors.New("--poweb says where the gateway is: give its --cogrpc, too, or --cogrpc off")
			}
			target.NoCourier = target.CogRPC == "off"
			ctx, release := untilSignal(cmd.Context())
			defer release()
			return failed(runPing(ctx, cmd.OutOrStdout(), target, timeout, asJSON))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&target.PoWeb, "poweb", "http://127.0.0.1:8080", "URL of the PoWeb server")
	flags.StringVar(&target.PoHTTP, "pohttp", "http://127.0.0.1:8081", "URL of the PoHTTP server")
	flags.StringVar(&target.CogRPC, "cogrpc", "http://127.0.0.1:8082", "URL of the CogRPC server, or off for no courier")
	flags.DurationVar(&timeout, "timeout", 30*time.Second, "time for the whole test")
	registerJSON(cmd, &asJSON)
	config.RegisterFlags(flags, discovery)
	return cmd
}

// byAddress has the servers found by the address, but for those whose URL was given.
func byAddress(cmd *cobra.Command, target *ping.Target, address string, c config.Discovery) error {
	lookup, roots, err := gateway.NewLookup(c)
	if err != nil {
		return err
	}
	target.Address, target.Lookup, target.Roots = address, lookup, roots
	if !cmd.Flags().Changed("poweb") {
		target.PoWeb = ""
	}
	if !cmd.Flags().Changed("pohttp") {
		target.PoHTTP = ""
	}
	if !cmd.Flags().Changed("cogrpc") {
		target.CogRPC = ""
	}
	return nil
}

func runPing(ctx context.Context, out io.Writer, target ping.Target, timeout time.Duration, asJSON bool) error {
	ctx, cancel := withTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	report := &ping.Report{W: out, Colour: telemetry.Coloured(out)}
	if asJSON {
		report.W = io.Discard
	}
	err := ping.Run(ctx, target, report)
	took := time.Since(began)
	if asJSON {
		err = errors.Join(err, writeJSON(out, struct {
			Works  bool        `json:"works"`
			Millis float64     `json:"ms"`
			Steps  []ping.Step `json:"steps"`
		}{err == nil, float64(took.Microseconds()) / 1000, report.Steps}))
	}
	if err != nil || asJSON {
		return overrun(ctx, err)
	}
	_, err = fmt.Fprintf(out, "\nThe gateway works: parcels went each way in %v.\n", took.Round(time.Millisecond))
	return err
}
