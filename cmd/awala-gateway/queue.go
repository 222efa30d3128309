package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/projections"
)

// queueFlags are what the queue commands have in common.
type queueFlags struct {
	admin   adminFlags
	timeout time.Duration
	json    bool
}

// run calls do within the time allowed.
func (f *queueFlags) run(do func(ctx context.Context, c queueadmin.Client, out io.Writer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
		defer cancel()
		client, done, err := f.client()
		if err != nil {
			return err
		}
		defer done()
		return failed(do(ctx, client, cmd.OutOrStdout()))
	}
}

// print writes v as JSON if that is wanted, and otherwise as people read it.
func (f *queueFlags) print(out io.Writer, v any, text func(io.Writer) error) error {
	if !f.json {
		return text(out)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func newQueue(environ []string) *cobra.Command {
	f := new(queueFlags)
	parent := &cobra.Command{
		Use:   "queue",
		Short: "See and change what waits for delivery to other Internet nodes",
		Long: `queue shows the parcels that a running gateway is delivering to other Internet
nodes, and changes what happens to them. Ask the admin server of any process that
has the delivery role. Whatever is changed is in the event history, with your name
and --reason.`,
		Example: `  awala-gateway queue stats
  awala-gateway queue list --destination example.org --older-than 2h
  awala-gateway queue hold --to example.org --reason "they asked us to wait"
  awala-gateway queue release --to example.org
  awala-gateway queue drop --gateway 0a1b... --older-than 12h --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := parent.PersistentFlags()
	f.admin.register(flags, environ)
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "time for the whole of it")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	parent.AddCommand(newQueueList(f), newQueueShow(f), newQueueStats(f))
	parent.AddCommand(newQueueActions(f)...)
	return parent
}

// filterFlags adds the flags that select parcels.
func (f *queueFlags) filterFlags(cmd *cobra.Command) *queueadmin.Filter {
	filter := new(queueadmin.Filter)
	flags := cmd.Flags()
	flags.StringVar(&filter.Parcel, "parcel", "", "one parcel: the sender's id of it, or the beginning of the id that list shows")
	flags.StringVar(&filter.Destination, "destination", "", "parcels for this Internet address")
	flags.StringVar(&filter.PrivateGateway, "gateway", "", "parcels that this private gateway handed in")
	flags.StringVar((*string)(&filter.State), "state", "", "parcels in this state: "+string(projections.DeliveryQueued)+", "+
		string(projections.DeliveryDeferred)+" or "+string(projections.DeliveryHeld))
	completeFound(cmd, "destination", f.completeDestination())
	completeFlag(cmd, "state", []string{string(projections.DeliveryQueued), string(projections.DeliveryDeferred), string(projections.DeliveryHeld)})
	flags.DurationVar(&filter.OlderThan, "older-than", 0, "parcels that were accepted so long ago")
	return filter
}

func newQueueList(f *queueFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List parcels, the oldest first", Args: cobra.NoArgs}
	filter := f.filterFlags(cmd)
	cmd.Flag("state").Usage += "; or one that has ended: delivered, refused, expired, dropped"
	limit := cmd.Flags().Int("limit", 50, "most parcels to list")
	cmd.RunE = f.run(func(ctx context.Context, c queueadmin.Client, out io.Writer) error {
		page, err := c.List(ctx, *filter, *limit)
		if err != nil {
			return err
		}
		return f.print(out, page, func(w io.Writer) error { return writePage(w, page, filter.State, time.Now()) })
	})
	return cmd
}

func newQueueShow(f *queueFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show all that is known of one parcel", Args: exactly(1), ValidArgsFunction: f.completeParcel()}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.run(func(ctx context.Context, c queueadmin.Client, out io.Writer) error {
			parcel, err := c.Show(ctx, args[0])
			if err != nil {
				return err
			}
			return f.print(out, parcel, func(w io.Writer) error { return writeParcel(w, parcel, time.Now()) })
		})(cmd, args)
	}
	return cmd
}

func newQueueStats(f *queueFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "stats", Short: "Show each destination: waiting, oldest, last error, breaker", Args: cobra.NoArgs}
	cmd.RunE = f.run(func(ctx context.Context, c queueadmin.Client, out io.Writer) error {
		stats, err := c.Stats(ctx)
		if err != nil {
			return err
		}
		return f.print(out, stats, func(w io.Writer) error { return writeStats(w, stats, time.Now()) })
	})
	return cmd
}

var errSelect = errors.New("say which: --to DESTINATION, or --parcel, --destination, --gateway, --state, --older-than")

func newQueueActions(f *queueFlags) []*cobra.Command {
	return []*cobra.Command{
		newQueueAction(f, queueadmin.Hold, "Keep parcels, or a whole destination, from being delivered", true),
		newQueueAction(f, queueadmin.Release, "Deliver what was held; the time for retries begins anew", true),
		newQueueAction(f, queueadmin.Retry, "Attempt parcels at once", false),
		newQueueAction(f, queueadmin.Drop, "Give parcels up for good", false),
		newQueueFlush(f),
	}
}

func newQueueAction(f *queueFlags, verb queueadmin.Verb, short string, whole bool) *cobra.Command {
	a := queueadmin.Action{Verb: verb}
	cmd := &cobra.Command{Use: string(verb), Short: short, Args: cobra.NoArgs}
	filter := f.filterFlags(cmd)
	actionFlags(cmd, &a)
	if whole {
		cmd.Flags().StringVar(&a.Whole, "to", "", "a whole destination, also for what is accepted later")
		completeFound(cmd, "to", f.completeDestination())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if a.Filter = *filter; a.Whole == "" && a.Filter.Empty() {
			return errSelect
		}
		return f.act(&a)(cmd, args)
	}
	return cmd
}

func newQueueFlush(f *queueFlags) *cobra.Command {
	a := queueadmin.Action{Verb: queueadmin.Flush}
	cmd := &cobra.Command{
		Use: "flush DESTINATION", Short: "Attempt everything for a destination at once, whatever its breaker says",
		Args:              exactly(1),
		ValidArgsFunction: f.completeDestination(),
	}
	actionFlags(cmd, &a)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.Whole = args[0]
		return f.act(&a)(cmd, args)
	}
	return cmd
}

func actionFlags(cmd *cobra.Command, a *queueadmin.Action) {
	flags := cmd.Flags()
	flags.StringVar(&a.Reason, "reason", "", "why, for the history")
	flags.StringVar(&a.By, "by", userName(), "who, for the history")
	flags.BoolVar(&a.DryRun, "dry-run", false, "say what would be done, and change nothing")
}

// userName is the name of who runs the command, "" if the system does not tell.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

func (f *queueFlags) act(a *queueadmin.Action) func(*cobra.Command, []string) error {
	return f.run(func(ctx context.Context, c queueadmin.Client, out io.Writer) error {
		done, err := c.Do(ctx, *a)
		if err != nil {
			return err
		}
		return f.print(out, done, func(w io.Writer) error { return writeDone(w, *a, done, time.Now()) })
	})
}

// count says how many parcels.
func count(n int) string {
	if n == 1 {
		return "1 parcel"
	}
	return fmt.Sprintf("%d parcels", n)
}
