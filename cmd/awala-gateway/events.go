package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"awala.network/gateway/internal/history"
)

func newEvents(environ []string) *cobra.Command {
	parent := &cobra.Command{
		Use:   "events",
		Short: "Inspect, replay, export and verify the event history, and forget in it",
		Long: `events shows what a gateway recorded, proves that it was not changed, and carries
it away. It looks at a running gateway through its admin server (--admin), or at
an archive that "events export" made (--archive). Looking changes nothing, and a
replay prints events: nothing is delivered or deleted again. "events forget" makes
unreadable what is of one private gateway.

docs/auditing.md is an auditor's way through these commands.`,
		Example: `  awala-gateway events tail                       # what happens right now
  awala-gateway events trace PARCEL-ID            # the life of one parcel
  awala-gateway events list --since 1h --type 'internet-parcel-*'
  awala-gateway events export history.tar.gz
  awala-gateway events verify --archive history.tar.gz --key "$KEY"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(
		newEventsStreams(environ), newEventsList(environ), newEventsShow(environ), newEventsTail(environ),
		newEventsReplay(environ), newEventsTrace(environ), newEventsExport(environ), newEventsImport(environ),
		newEventsKey(environ), newEventsCheckpoint(environ), newEventsProve(environ), newEventsVerify(environ),
		newEventsForget(environ),
	)
	return parent
}

// sourceFlags say which history to look at.
type sourceFlags struct {
	admin   adminFlags
	archive string
}

func (s *sourceFlags) register(flags *pflag.FlagSet, environ []string) {
	s.admin.register(flags, environ)
	flags.StringVar(&s.archive, "archive", "", "look at this archive instead of a running gateway")
}

// open returns the history, and what to call when done with it.
func (s *sourceFlags) open() (history.Source, func(), error) {
	if s.archive != "" {
		archive, err := history.OpenArchive(s.archive)
		return archive, func() {}, err
	}
	client, done, err := s.client()
	return client, done, err
}

// client returns a client of the admin server, and what to call when done with it.
func (s *sourceFlags) client() (*history.Client, func(), error) {
	with, done, err := s.admin.client()
	if err != nil {
		return nil, nil, err
	}
	client, err := history.NewClient(s.admin.url, with)
	return client, done, err
}

// inspect runs a command that looks at a history until it is done or a signal comes.
func (s *sourceFlags) inspect(cmd *cobra.Command, do func(context.Context, history.Source) error) error {
	ctx, release := untilSignal(cmd.Context())
	defer release()
	source, done, err := s.open()
	if err != nil {
		return failed(err)
	}
	defer done()
	return failed(do(ctx, source))
}

// eventFilter are the flags of a history.Filter.
type eventFilter struct {
	history.Filter
	since, until timeFlag
}

func (f *eventFilter) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.Streams, "stream", nil, "only these streams: CRC_CARGO, INTERNET_PARCELS, PDC_PARCELS, GATEWAY, PARKED")
	flags.StringSliceVar(&f.Subjects, "subject", nil, "only these NATS subjects, with * and >")
	flags.StringSliceVar(&f.Types, "type", nil, "only these types of events, such as gateway-parcel-accepted or 'internet-parcel-*'")
	flags.StringVar(&f.Gateway, "gateway", "", "only what names this private gateway")
	flags.StringVar(&f.Parcel, "parcel", "", "only what names this parcel id")
	flags.StringVar(&f.Cargo, "cargo", "", "only what names this cargo, or collection authorisation")
	flags.StringSliceVar(&f.Correlations, "correlation", nil, "only what has this correlation id: all that followed from one ingress")
	flags.StringVar(&f.Event, "event", "", "only the event with this id")
	f.until.isEnd = true
	flags.Var(&f.since, "since", "only from this time on: "+history.Moments)
	flags.Var(&f.until, "until", "only up to this time, a whole day included")
	flags.Var(&f.until, "as-of", "--until by another name: the history as it was then")
	cmd.MarkFlagsMutuallyExclusive("until", "as-of")
	completeFlag(cmd, "stream", streamNames())
	completeFlag(cmd, "type", history.Kinds())
	flags.Uint64Var(&f.From, "from", 0, "only from this sequence on")
	flags.Uint64Var(&f.To, "to", 0, "only up to this sequence")
}

// filter returns the filter.
func (f *eventFilter) filter() history.Filter {
	f.Since, f.Until = f.since.Time, f.until.Time
	return f.Filter
}

// timeFlag is a time as people write it. The end of a whole day is meant if isEnd.
type timeFlag struct {
	time.Time
	isEnd bool
}

func (t *timeFlag) Type() string { return "time" }

func (t *timeFlag) String() string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func (t *timeFlag) Set(text string) (err error) {
	parse := history.ParseSince
	if t.isEnd {
		parse = history.ParseUntil
	}
	t.Time, err = parse(text, time.Now())
	return err
}

// parsePosition reads STREAM SEQUENCE.
func parsePosition(args []string) (stream string, sequence uint64, err error) {
	sequence, err = strconv.ParseUint(args[1], 10, 64)
	if err != nil || sequence == 0 {
		return "", 0, fmt.Errorf("sequence %q: want a number from 1 on", args[1])
	}
	return args[0], sequence, nil
}
