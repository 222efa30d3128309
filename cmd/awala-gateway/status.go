package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/telemetry"
)

func newStatus(environ []string) *cobra.Command {
	var admin adminFlags
	var timeout time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show on one screen whether parcels move",
		Long: `status shows what came in and went out today (UTC) in each channel, what waits and
since when, what is parked, which workers and read models are behind, and how many
processes of the gateway run and are ready. Ask the admin server of any of them;
--json has each by itself.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := withTimeout(cmd.Context(), timeout)
			defer cancel()
			return failed(overrun(ctx, showStatus(ctx, cmd.OutOrStdout(), &admin, asJSON)))
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
	return writeStatus(out, o, telemetry.TerminalWidth(out))
}

// writeStatus writes what fits a screen however many processes and workers there are:
// of what works it says how much there is, and names what does not.
func writeStatus(w io.Writer, o overview.Overview, width int) error {
	fmt.Fprintf(w, "%s, certificate until %s\n\n", o.InternetAddress, o.CertificateExpiresAt.Format(time.DateOnly))
	channels := newListing("CHANNEL", "IN TODAY", "OUT TODAY", "WAITING", "OLDEST", "PARKED")
	for _, c := range o.Channels {
		channels.add(c.Name, c.In, c.Out, c.Waiting, since(c.OldestSince, o.At), c.Parked)
	}
	if err := channels.write(w, 0); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := writeWork(w, o); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return writeProcesses(w, o.Processes, width)
}

// writeWork writes which workers and projections have not kept up.
func writeWork(w io.Writer, o overview.Overview) error {
	behind := newListing("BEHIND", "EVENTS", "OLDEST")
	for _, c := range o.Consumers {
		if c.Lag > 0 {
			behind.add(c.Name+" of "+c.Stream, c.Lag, since(c.OldestSince, o.At))
		}
	}
	for _, p := range o.Projections {
		if p.Lag > 0 {
			behind.add("projection "+p.Name, p.Lag, "-")
		}
	}
	all := fmt.Sprintf("%d workers and %d projections", len(o.Consumers), len(o.Projections))
	if len(behind.rows) == 0 {
		_, err := fmt.Fprintf(w, "%s have handled every event.\n", all)
		return err
	}
	if err := behind.write(w, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d of %s have not handled every event yet.\n", len(behind.rows), all)
	return err
}

// writeProcesses writes how many processes of each kind and version are ready, and
// what the others lack.
func writeProcesses(w io.Writer, processes []overview.Process, width int) error {
	type group struct{ kind, version string }
	var order []group
	ready, all, problems := map[group]int{}, map[group]int{}, map[group][]string{}
	for _, p := range processes {
		g := group{p.Kind, p.Version}
		if all[g]++; all[g] == 1 {
			order = append(order, g)
		}
		if p.Ready {
			ready[g]++
		} else {
			problems[g] = append(problems[g], p.Host+": "+orDash(strings.Join(p.Problems, "; ")))
		}
	}
	list := newListing("PROCESSES", "READY", "VERSION", "PROBLEM")
	for _, g := range order {
		list.add(g.kind, fmt.Sprintf("%d of %d", ready[g], all[g]), g.version, orDash(strings.Join(problems[g], ", ")))
	}
	return list.write(w, width)
}
