package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// upkeepFlags are what the commands for projections and parked messages have in
// common.
type upkeepFlags struct {
	admin adminFlags
	json  bool
}

func (f *upkeepFlags) register(cmd *cobra.Command, environ []string) {
	flags := cmd.PersistentFlags()
	f.admin.register(flags, environ)
	flags.BoolVar(&f.json, "json", false, "print lines of JSON")
}

// upkeepCall is what a command does with a client.
type upkeepCall func(ctx context.Context, c *upkeep.Client, out io.Writer, args []string) error

// run calls do until a signal ends it.
func (f *upkeepFlags) run(do upkeepCall) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		http, done, err := f.admin.client()
		if err != nil {
			return err
		}
		defer done()
		client, err := upkeep.NewClient(f.admin.url, http)
		if err != nil {
			return fmt.Errorf("--admin: %w", err)
		}
		ctx, release := untilSignal(cmd.Context())
		defer release()
		return failed(do(ctx, client, cmd.OutOrStdout(), args))
	}
}

// print writes each value as a line of JSON if that is wanted, and otherwise all
// as people read them.
func printAll[T any](f *upkeepFlags, out io.Writer, values []T, text func(io.Writer)) error {
	if !f.json {
		table := tabwriter.NewWriter(telemetry.Plain(out), 0, 0, 2, ' ', 0)
		text(table)
		return table.Flush()
	}
	encoder := json.NewEncoder(out)
	for _, v := range values {
		if err := encoder.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func newProjections(environ []string) *cobra.Command {
	f := new(upkeepFlags)
	parent := &cobra.Command{
		Use:   "projections",
		Short: "See, rebuild and verify the read models of a running gateway",
		Long: `projections shows the read models that a running gateway folds from its event
history, rebuilds them from the beginning, and verifies them. Ask the admin server
of a process that has the projections role.`,
		Example: `  awala-gateway projections list
  awala-gateway projections rebuild mailbox
  awala-gateway projections verify mailbox --json
  awala-gateway projections totals --from 2026-03-01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(parent, environ)
	parent.AddCommand(newProjectionsList(f), newProjectionsStatus(f), newProjectionsTotals(f), newRebuild(f), newVerify(f))
	return parent
}

func newProjectionsList(f *upkeepFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the projections and where they stand", Args: cobra.NoArgs,
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, _ []string) error {
			all, err := c.Projections(ctx)
			if err != nil {
				return err
			}
			if f.json {
				return printAll(f, out, all, nil)
			}
			list := newListing("NAME", "VERSION", "DOCUMENTS", "FOLDED", "BEHIND", "STREAM", "REBUILD")
			for _, s := range all {
				list.add(s.Name, s.Live.Number, s.Documents, s.Checkpoint, max(s.Last, s.Checkpoint)-s.Checkpoint, s.Stream, rebuildState(s))
			}
			return list.write(out, telemetry.TerminalWidth(out))
		}),
	}
}

// rebuildState says how far a rebuild is, if there is one, or that there must be one.
func rebuildState(s projections.Status) string {
	switch {
	case s.Building != nil:
		return fmt.Sprintf("version %d at %d", s.Building.Number, s.Built)
	case s.Mendable:
		return "due: what it passed by can be read now"
	case len(s.Passed()) > 0:
		return "once it can read what it passed by (status)"
	default:
		return "-"
	}
}

// omission says what a projection does without, and why.
func omission(o projections.Omission) string {
	where := fmt.Sprintf("between %d and %d", o.First, o.Last)
	if o.First == o.Last {
		where = fmt.Sprintf("at %d", o.First)
	}
	if o.Missing {
		return fmt.Sprintf("%d runs of events %s, which the history lacks", o.Count, where)
	}
	return fmt.Sprintf("%d events %s: %s", o.Count, where, o.Reason)
}

func newProjectionsStatus(f *upkeepFlags) *cobra.Command {
	return &cobra.Command{
		Use: "status NAME", Short: "Show where one projection stands", Args: exactly(1),
		ValidArgsFunction: f.completeProjection(),
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, args []string) error {
			s, err := c.Projection(ctx, args[0])
			if err != nil {
				return err
			}
			return printAll(f, out, []projections.Status{s}, func(w io.Writer) {
				fmt.Fprintf(w, "name\t%s\nstream\t%s\ncheckpoint\t%d of %d\ndocuments\t%d\n", s.Name, s.Stream, s.Checkpoint, s.Last, s.Documents)
				fmt.Fprintf(w, "live\tversion %d since %s, %s\n", s.Live.Number, stamp(s.Live.Since), s.Live.Collection)
				for _, before := range s.Previous {
					fmt.Fprintf(w, "before\tversion %d until %s, to be dropped\n", before.Number, stamp(before.Until))
				}
				fmt.Fprintf(w, "rebuild\t%s\n", rebuildState(s))
				for _, o := range s.Passed() {
					fmt.Fprintf(w, "without\t%s\n", omission(o))
				}
			})
		}),
	}
}

func newProjectionsTotals(f *upkeepFlags) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use: "totals", Short: "Show what happened on each day, in UTC", Args: cobra.NoArgs,
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, _ []string) error {
			byDate, err := c.Totals(ctx, from, to)
			if err != nil {
				return err
			}
			days := make([]projections.Day, 0, len(byDate))
			for _, date := range slices.Sorted(maps.Keys(byDate)) {
				days = append(days, byDate[date])
			}
			return printAll(f, out, days, func(w io.Writer) {
				fmt.Fprintln(w, "DATE\tEVENT\tCOUNT\tSIZE")
				for _, d := range days {
					for _, kind := range slices.Sorted(maps.Keys(d.Events)) {
						fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", d.Date, kind, d.Events[kind].Count, octets(d.Events[kind].Octets))
					}
				}
			})
		}),
	}
	cmd.Flags().StringVar(&from, "from", "", "first day, such as 2026-03-01")
	cmd.Flags().StringVar(&to, "to", "", "last day")
	return cmd
}

func newRebuild(f *upkeepFlags) *cobra.Command {
	var o projections.RebuildOptions
	cmd := &cobra.Command{
		Use: "rebuild NAME", Short: "Fold the whole history anew and switch to the result", Args: exactly(1),
		ValidArgsFunction: f.completeProjection(),
		Long: `rebuild folds the whole history into a new version of a projection beside the
live one, and then switches to it in one step. The gateway goes on working, and
readers notice nothing.

It can be interrupted at any moment, with Ctrl-C or by killing whatever you like:
the live version stays, and the next rebuild goes on where this one stopped.`,
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, args []string) error {
			p := newProgress(out, f.json)
			err := c.Rebuild(ctx, args[0], o, p.line)
			if p.done(); err != nil && ctx.Err() != nil {
				return fmt.Errorf("interrupted: the live version is as it was; run the command again to go on")
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&o.Fresh, "fresh", false, "start over instead of going on with an interrupted rebuild")
	cmd.Flags().BoolVar(&o.Compare, "compare", false, "compare each document with the live one before the switch")
	return cmd
}

func newVerify(f *upkeepFlags) *cobra.Command {
	return &cobra.Command{
		Use: "verify NAME", Short: "Compare each document with what the history says", Args: exactly(1),
		ValidArgsFunction: f.completeProjection(),
		Long: `verify folds the whole history into a scratch database up to where the projection
stands, and reports every document that is not the same. It exits with 1 if there
are any; rebuild mends them.`,
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, args []string) error {
			p := newProgress(out, f.json)
			differences := 0
			err := c.Verify(ctx, args[0], func(l upkeep.Line) error {
				if l.Verified != nil {
					differences = l.Verified.Differences
				}
				return p.line(l)
			})
			p.done()
			if err == nil && differences > 0 {
				err = fmt.Errorf("%d documents are not as the history says", differences)
			}
			return err
		}),
	}
}

// describe says in words what a line tells.
func describe(l upkeep.Line) string {
	switch {
	case l.Difference != nil:
		text := fmt.Sprintf("%s %s\n", l.Difference.Kind, l.Difference.ID)
		for _, field := range l.Difference.Fields {
			text += fmt.Sprintf("    %s: is %v, the history says %v\n", field.Path, field.Stored, field.History)
		}
		return text
	case l.Rebuilt != nil:
		r := l.Rebuilt
		text := fmt.Sprintf("%s: version %d is live, %d documents at event %d (version %d had %d), in %.1f s\n",
			r.Projection, r.Live.Number, r.Documents, r.Checkpoint, r.Before.Number, r.DocumentsBefore, r.Seconds)
		if r.Differences != nil {
			text += fmt.Sprintf("%d documents differed from the version before\n", *r.Differences)
		}
		return text
	case l.Verified != nil:
		v := l.Verified
		return strings.TrimSuffix(fmt.Sprintf("%s: %d documents compared at event %d, %d differ, in %.1f s; %d unsettled",
			v.Projection, v.Documents, v.Checkpoint, v.Differences, v.Seconds, v.Unsettled), "; 0 unsettled") + "\n"
	case l.Forgotten != nil:
		return describeForgotten(*l.Forgotten)
	case l.Step != "":
		return l.Step + "\n"
	default:
		return ""
	}
}

// stamp writes an instant as people read it.
func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) + "Z" }
