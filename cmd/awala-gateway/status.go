package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/overview"
)

func newStatus(environ []string) *cobra.Command {
	var admin adminFlags
	var timeout time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show on one screen whether parcels move",
		Long: `status shows what came in and went out today (UTC) in each channel, what waits and
since when, what is parked, how far behind workers and read models are, and which
processes of the gateway run and are ready. Ask the admin server of any of them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return failed(showStatus(ctx, cmd.OutOrStdout(), &admin, asJSON))
		},
	}
	admin.register(cmd.Flags(), environ)
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "time for the whole of it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func showStatus(ctx context.Context, out io.Writer, admin *adminFlags, asJSON bool) error {
	client, done, err := admin.client()
	if err != nil {
		return err
	}
	defer done()
	o, err := overview.Fetch(ctx, client, admin.url)
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o)
	}
	return writeStatus(out, o)
}

func writeStatus(w io.Writer, o overview.Overview) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s, certificate until %s\n\n", o.InternetAddress, o.CertificateExpiresAt.Format(time.DateOnly))
	fmt.Fprintln(table, "CHANNEL\tIN TODAY\tOUT TODAY\tWAITING\tOLDEST\tPARKED")
	for _, c := range o.Channels {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%d\n", c.Name, c.In, c.Out, c.Waiting, since(c.OldestSince, o.At), c.Parked)
	}
	fmt.Fprintln(table, "\nWORK\tBEHIND BY\tOLDEST")
	for _, c := range o.Consumers {
		fmt.Fprintf(table, "%s of %s\t%d\t%s\n", c.Name, c.Stream, c.Lag, since(c.OldestSince, o.At))
	}
	for _, p := range o.Projections {
		fmt.Fprintf(table, "projection %s\t%d\t\n", p.Name, p.Lag)
	}
	fmt.Fprintln(table, "\nPROCESS\tREADY\tVERSION\tHOST\tPROBLEM")
	for _, p := range o.Processes {
		ready := "yes"
		if !p.Ready {
			ready = "no"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.Kind, ready, p.Version, p.Host, clip(strings.Join(p.Problems, "; ")))
	}
	return table.Flush()
}
