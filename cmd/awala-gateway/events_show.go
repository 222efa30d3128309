package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/telemetry"
)

func newEventsStreams(environ []string) *cobra.Command {
	var source sourceFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "streams",
		Short: "List the streams: how much they hold, and up to where they are signed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
				streams, err := s.Streams(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), streams)
				}
				return printer(cmd.OutOrStdout()).Streams(streams)
			})
		},
	}
	source.register(cmd.Flags(), environ)
	registerJSON(cmd, &asJSON)
	return cmd
}

func newEventsList(environ []string) *cobra.Command {
	var source sourceFlags
	var filter eventFilter
	var query history.Query
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, the earliest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query.Filter = filter.filter()
			return listEvents(cmd, &source, query, asJSON)
		},
	}
	source.register(cmd.Flags(), environ)
	filter.register(cmd)
	cmd.Flags().IntVar(&filter.Limit, "limit", 0, "stop after so many events")
	cmd.Flags().BoolVar(&query.Follow, "follow", false, "go on with what is recorded from now on")
	registerJSON(cmd, &asJSON)
	return cmd
}

func newEventsTail(environ []string) *cobra.Command {
	var source sourceFlags
	var filter eventFilter
	var last int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the last events, and what is recorded from now on",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listEvents(cmd, &source, history.Query{Filter: filter.filter(), Follow: true, Tail: last}, asJSON)
		},
	}
	source.admin.register(cmd.Flags(), environ)
	filter.register(cmd)
	cmd.Flags().IntVarP(&last, "lines", "n", 10, "begin so many events before the end of each stream")
	registerJSON(cmd, &asJSON)
	return cmd
}

func listEvents(cmd *cobra.Command, source *sourceFlags, q history.Query, asJSON bool) error {
	return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
		write, found := eventWriter(cmd.OutOrStdout(), asJSON), false
		for m, err := range s.Messages(ctx, q) {
			if err == nil {
				err = write(m)
			}
			if q.Follow && ctx.Err() != nil {
				return nil // that is how it ends
			}
			if err != nil {
				return err
			}
			found = true
		}
		if !found && !asJSON {
			fmt.Fprintln(cmd.ErrOrStderr(), "No event fits."+unknownTypes(q.Types))
		}
		return nil
	})
}

// unknownTypes says which types no event of this version has.
func unknownTypes(types []string) string {
	known, text := history.Kinds(), ""
	for _, t := range types {
		kind, _, _ := strings.Cut(t, ".v")
		if !strings.Contains(kind, "*") && !slices.Contains(known, kind) {
			text += fmt.Sprintf(" There is no type %q: docs/events.md has all.", t)
		}
	}
	return text
}

func newEventsShow(environ []string) *cobra.Command {
	var source sourceFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show STREAM SEQUENCE | EVENT-ID",
		Short:   "Show everything that one event says",
		Example: "  awala-gateway events show PDC_PARCELS 12",
		Args:    cobra.RangeArgs(1, 2),

		ValidArgsFunction: completeStream,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q := history.Query{Filter: history.Filter{Limit: 1}}
		if len(args) == 1 {
			q.Event = args[0]
		} else {
			stream, sequence, err := parsePosition(args)
			if err != nil {
				return err
			}
			q.Streams, q.From, q.To = []string{stream}, sequence, sequence
		}
		return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
			for m, err := range s.Messages(ctx, q) {
				if err != nil {
					return err
				}
				if asJSON {
					return eventWriter(cmd.OutOrStdout(), true)(m)
				}
				return printer(cmd.OutOrStdout()).Show(m)
			}
			return fmt.Errorf("there is no event %s", strings.Join(args, " "))
		})
	}
	source.register(cmd.Flags(), environ)
	registerJSON(cmd, &asJSON)
	return cmd
}

func newEventsReplay(environ []string) *cobra.Command {
	var source sourceFlags
	var filter eventFilter
	var speed float64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Let the history happen again on the screen, and show what it led to",
		Long: `replay prints events as they happened, with the time between them if --speed says
so, and at the end what waited for whom: with --as-of, the state as it was then.
Nothing but printing happens again.`,
		Example: `  awala-gateway events replay --as-of yesterday    # what waited when yesterday ended
  awala-gateway events replay --since 14:00 --until 14:05 --speed 10`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := history.Query{Filter: filter.filter()}
			return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
				return replayEvents(ctx, cmd.OutOrStdout(), s, q, speed, asJSON)
			})
		},
	}
	source.register(cmd.Flags(), environ)
	filter.register(cmd)
	cmd.Flags().Float64Var(&speed, "speed", 0, "1 is as fast as it happened, 60 a minute in a second, 0 as fast as possible")
	registerJSON(cmd, &asJSON)
	return cmd
}

func replayEvents(ctx context.Context, w io.Writer, s history.Source, q history.Query, speed float64, asJSON bool) error {
	var state history.State
	write := eventWriter(w, asJSON)
	for m, err := range history.Paced(ctx, s.Messages(ctx, q), speed) {
		if err == nil {
			state.Apply(m)
			err = write(m)
		}
		if err != nil {
			return err
		}
	}
	if asJSON {
		return writeJSON(w, struct {
			*history.State
			Waiting []history.Waiting `json:"waiting"`
		}{&state, state.Waiting()})
	}
	return printer(w).State(&state)
}

func newEventsTrace(environ []string) *cobra.Command {
	var source sourceFlags
	var filter history.Filter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trace PARCEL-ID",
		Short: "Show the life of one parcel, wherever it was recorded",
		Long: `trace shows everything that happened to a parcel, in the order of time: with the
time since the step before, the event that led to it, and what it says. A cargo that
brought the parcel, and messages about it that were set aside, are part of its life.`,
		Args:              exactly(1),
		ValidArgsFunction: completeParcels(&source),
		RunE: func(cmd *cobra.Command, args []string) error {
			return source.inspect(cmd, func(ctx context.Context, s history.Source) error {
				lives, err := history.Trace(ctx, s, args[0], filter)
				if err != nil {
					return err
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), lives)
				}
				return printer(cmd.OutOrStdout()).Lives(lives)
			})
		},
	}
	source.register(cmd.Flags(), environ)
	cmd.Flags().StringVar(&filter.Gateway, "gateway", "", "only events that name this private gateway")
	registerJSON(cmd, &asJSON)
	return cmd
}

func registerJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "write JSON")
}

// printer returns a printer that fits what people read to their terminal.
func printer(w io.Writer) history.Printer {
	return history.Printer{W: telemetry.Plain(w), Width: telemetry.TerminalWidth(w)}
}

// eventWriter returns what writes an event as a line, for people or as JSON.
func eventWriter(w io.Writer, asJSON bool) func(events.Message) error {
	if !asJSON {
		return printer(w).Message
	}
	var line []byte
	return func(m events.Message) error {
		var err error
		if line, err = history.AppendLine(line[:0], m); err != nil {
			return err
		}
		line = append(line, '\n')
		_, err = w.Write(line)
		return err
	}
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
