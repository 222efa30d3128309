package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// parkedFlags select parked messages.
type parkedFlags struct {
	upkeepFlags
	consumer string
	all      bool
	dryRun   bool
	by       events.Operation
}

func newParked(environ []string) *cobra.Command {
	f := new(parkedFlags)
	parent := &cobra.Command{
		Use:   "parked",
		Short: "See and resolve the messages that workers set aside",
		Long: `parked shows the messages that a worker could not handle and set aside, has them
handled again once the cause is mended, or gives them up. Replaying and dropping
are events of the history. Ask the admin server of a process that runs the worker
in question, which standalone does.

What is set aside waits for nothing and nobody waits for it: every consumer takes
messages in any order.`,
		Example: `  awala-gateway parked list
  awala-gateway parked show 1f0c...
  awala-gateway parked replay --consumer unwrap-cargo --all --dry-run
  awala-gateway parked drop 1f0c... --reason "sender fixed it and sent again"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(parent, environ)
	parent.AddCommand(newParkedList(f), newParkedShow(f), newParkedReplay(f), newParkedDrop(f))
	return parent
}

func newParkedList(f *parkedFlags) *cobra.Command {
	state := string(projections.ParkedOpen)
	cmd := &cobra.Command{
		Use: "list", Short: "List what is parked, the oldest first", Args: cobra.NoArgs,
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, _ []string) error {
			all, err := f.selected(ctx, c, projections.ParkedState(state), nil)
			if err != nil {
				return err
			}
			if f.json {
				return printAll(&f.upkeepFlags, out, all, nil)
			}
			return writeParked(out, all, state)
		}),
	}
	cmd.Flags().StringVar(&state, "state", state, "parked, or what was replayed or dropped")
	f.selectConsumer(cmd)
	return cmd
}

func writeParked(out io.Writer, all []projections.ParkedMessage, state string) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "Nothing is "+state+".")
		return err
	}
	list, now := newListing("ID", "CONSUMER", "AGE", "TIMES", "TRIES", "STANDS AT", "REASON"), time.Now()
	for _, m := range all {
		list.add(brief(m.ID), m.Consumer, since(m.ParkedAt, now), m.Times, m.Attempts, fmt.Sprint(m.Stream, " ", m.Sequence), orDash(m.Reason))
	}
	return list.write(out, telemetry.TerminalWidth(out))
}

func newParkedShow(f *parkedFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one message and why it was set aside", Args: exactly(1),
		ValidArgsFunction: f.completeMessage(1),
		RunE: f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, args []string) error {
			id, err := wholeID(ctx, c, args[0])
			if err != nil {
				return err
			}
			m, err := c.ShowParked(ctx, id)
			if err != nil {
				return err
			}
			return printAll(&f.upkeepFlags, out, []upkeep.Shown{m}, func(w io.Writer) { writeParkedMessage(w, m) })
		}),
	}
}

func writeParkedMessage(w io.Writer, m upkeep.Shown) {
	fmt.Fprintf(w, "id\t%s\nstate\t%s\nconsumer\t%s\nreason\t%s\n", m.ID, m.State, m.Consumer, m.Reason)
	fmt.Fprintf(w, "parked\t%s, %d times, the last at %s after %d tries\n", stamp(m.ParkedAt), m.Times, stamp(m.LastParkedAt), m.Attempts)
	if !m.EndedAt.IsZero() {
		fmt.Fprintf(w, "%s\t%s", m.State, stamp(m.EndedAt))
		if m.Resolution != nil {
			fmt.Fprintf(w, " by %s: %s", orDash(m.Resolution.By), orDash(m.Resolution.Reason))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "stands at\t%d of %s, on %s\nevent\t%s\n", m.Sequence, m.Stream, m.Subject, orDash(m.EventID))
	if m.Problem != "" {
		fmt.Fprintf(w, "unreadable\t%s\n", m.Problem)
		return
	}
	data, _ := json.Marshal(m.Data) // it came as JSON
	fmt.Fprintf(w, "type\t%s\ndata\t%s\n", m.Type, data)
}

func newParkedReplay(f *parkedFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "replay [ID...]", Short: "Have messages handled again by their consumer",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: f.completeMessage(anyNumber),
	}
	return f.resolving(cmd, "replayed", func(ctx context.Context, c *upkeep.Client, id string) error {
		return c.ReplayParked(ctx, id, f.by)
	})
}

func newParkedDrop(f *parkedFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use: "drop [ID...]", Short: "Give messages up, for a reason that is recorded",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: f.completeMessage(anyNumber),
	}
	drop := f.resolving(cmd, "dropped", func(ctx context.Context, c *upkeep.Client, id string) error {
		return c.DropParked(ctx, id, f.by)
	})
	_ = drop.MarkFlagRequired("reason") // the flag is there
	return drop
}

func (f *parkedFlags) selectConsumer(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.consumer, "consumer", "", "only what this consumer set aside")
}

// outcome is what became of one message.
type parkedOutcome struct {
	ID     string `json:"id"`
	Did    string `json:"did,omitempty"`
	DryRun bool   `json:"dryRun,omitempty"`
	Error  string `json:"error,omitempty"`
}

// resolving makes a command that does something to the messages selected. One that
// fails does not keep it from the others.
func (f *parkedFlags) resolving(cmd *cobra.Command, did string, do func(context.Context, *upkeep.Client, string) error) *cobra.Command {
	f.selectConsumer(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all that is parked, or all of --consumer")
	cmd.Flags().StringVar(&f.by.Reason, "reason", "", "why, for the history")
	cmd.Flags().StringVar(&f.by.By, "by", userName(), "who, for the history")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say which messages")
	run := f.run(func(ctx context.Context, c *upkeep.Client, out io.Writer, ids []string) error {
		messages, err := f.selected(ctx, c, projections.ParkedOpen, ids)
		if err != nil {
			return err
		}
		bad := 0
		for _, m := range messages {
			o := parkedOutcome{ID: m.ID, Did: did, DryRun: f.dryRun}
			if !f.dryRun {
				if err := do(ctx, c, m.ID); err != nil {
					o.Did, o.Error, bad = "", err.Error(), bad+1
				}
			}
			if err := f.tell(out, m, o); err != nil {
				return err
			}
		}
		if bad > 0 {
			return fmt.Errorf("%d of %d messages stay parked", bad, len(messages))
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if (len(ids) > 0) == f.all {
			return errors.New("want the ids of messages, or --all")
		}
		return run(cmd, ids)
	}
	return cmd
}

// tell prints what became of a message.
func (f *parkedFlags) tell(out io.Writer, m projections.ParkedMessage, o parkedOutcome) error {
	if f.json {
		return json.NewEncoder(out).Encode(o)
	}
	text := o.Did
	switch {
	case o.Error != "":
		text = "stays parked: " + o.Error
	case o.DryRun:
		text = "would be " + o.Did
	}
	_, err := fmt.Fprintf(out, "%s %s %d: %s\n", m.ID, m.Consumer, m.Sequence, text)
	return err
}

// selected returns the messages in a state that the flags and ids select. An id may be
// the beginning of one, as list shows it.
func (f *parkedFlags) selected(ctx context.Context, c *upkeep.Client, state projections.ParkedState, ids []string) ([]projections.ParkedMessage, error) {
	all, err := c.Parked(ctx, state)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		whole, err := oneParked(all, id)
		if err != nil {
			return nil, err
		}
		wanted[whole] = true
	}
	return slices.DeleteFunc(all, func(m projections.ParkedMessage) bool {
		return f.consumer != "" && m.Consumer != f.consumer || len(ids) > 0 && !wanted[m.ID]
	}), nil
}

// oneParked returns the id of the one message whose id begins so.
func oneParked(all []projections.ParkedMessage, beginning string) (string, error) {
	var found []string
	for _, m := range all {
		if m.ID == beginning {
			return m.ID, nil
		}
		if strings.HasPrefix(m.ID, beginning) {
			found = append(found, m.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no message %q is parked", beginning)
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("%q begins the ids of %d messages", beginning, len(found))
	}
}

// wholeID returns the id of a message of which the beginning is known. One that is not
// parked any more has to be named in full.
func wholeID(ctx context.Context, c *upkeep.Client, beginning string) (string, error) {
	if len(beginning) > shortID {
		return beginning, nil
	}
	all, err := c.Parked(ctx, projections.ParkedOpen)
	if err != nil {
		return "", err
	}
	return oneParked(all, beginning)
}
