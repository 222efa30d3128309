package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// completionTimeout is how long a shell that completes a word waits for a gateway.
const completionTimeout = 2 * time.Second

// completeWith offers what a function finds, which is nothing if it fails: a shell
// cannot tell why. Only as many words are completed as the command takes.
func completeWith(most int, find func(ctx context.Context) ([]cobra.Completion, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
		defer cancel()
		found, err := find(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found = slices.DeleteFunc(found, func(c cobra.Completion) bool { return slices.Contains(args, word(c)) })
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// anyNumber is for commands that take as many words as there are.
const anyNumber = 1 << 20

// word is a completion without its description.
func word(c cobra.Completion) string {
	w, _, _ := strings.Cut(c, "\t")
	return w
}

// completeFlag offers the same words each time.
func completeFlag(cmd *cobra.Command, name string, words []string) {
	completeFound(cmd, name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeFound offers what a function finds for a flag.
func completeFound(cmd *cobra.Command, name string, find cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, find); err != nil {
		panic(err) // the flag is defined, once
	}
}

// completeStream offers the streams as the first of two words.
var completeStream = completeWith(1, func(context.Context) ([]cobra.Completion, error) { return streamNames(), nil })

// recentParcels is how many events before the end of each stream are looked at for
// parcels to offer.
const recentParcels = 50

// completeParcels offers the parcels of the last events.
func completeParcels(source *sourceFlags) cobra.CompletionFunc {
	return completeWith(1, func(ctx context.Context) ([]cobra.Completion, error) {
		s, done, err := source.open()
		if err != nil {
			return nil, err
		}
		defer done()
		q := history.Query{Tail: recentParcels, Filter: history.Filter{Streams: []string{events.StreamGatewayParcels, events.StreamInternetParcels}}}
		var found []cobra.Completion
		seen := map[string]bool{}
		for m, err := range s.Messages(ctx, q) {
			if err != nil {
				return nil, err
			}
			if key, ok := history.ParcelOf(m.Record().Data); ok && !seen[key.ParcelID] {
				seen[key.ParcelID] = true
				found = append(found, cobra.CompletionWithDesc(key.ParcelID, history.Time(m).Format(time.DateTime)))
			}
		}
		slices.Reverse(found) // the newest first
		return found, nil
	})
}

func (f *upkeepFlags) complete(most int, find func(context.Context, *upkeep.Client) ([]cobra.Completion, error)) cobra.CompletionFunc {
	return completeWith(most, func(ctx context.Context) ([]cobra.Completion, error) {
		http, done, err := f.admin.client()
		if err != nil {
			return nil, err
		}
		defer done()
		client, err := upkeep.NewClient(f.admin.url, http)
		if err != nil {
			return nil, err
		}
		return find(ctx, client)
	})
}

func (f *upkeepFlags) completeProjection() cobra.CompletionFunc {
	return f.complete(1, func(ctx context.Context, c *upkeep.Client) (found []cobra.Completion, err error) {
		all, err := c.Projections(ctx)
		for _, s := range all {
			found = append(found, cobra.CompletionWithDesc(s.Name, "of "+s.Stream))
		}
		return found, err
	})
}

func (f *parkedFlags) completeMessage(most int) cobra.CompletionFunc {
	return f.complete(most, func(ctx context.Context, c *upkeep.Client) (found []cobra.Completion, err error) {
		all, err := c.Parked(ctx, projections.ParkedOpen)
		for _, m := range all {
			found = append(found, cobra.CompletionWithDesc(brief(m.ID), m.Consumer+": "+m.Reason))
		}
		return found, err
	})
}

func (f *queueFlags) client() (queueadmin.Client, func(), error) {
	client, done, err := f.admin.client()
	return queueadmin.Client{Base: f.admin.url, HTTP: client}, done, err
}

func (f *queueFlags) completeParcel() cobra.CompletionFunc {
	return completeWith(1, func(ctx context.Context) ([]cobra.Completion, error) {
		c, done, err := f.client()
		if err != nil {
			return nil, err
		}
		defer done()
		page, err := c.List(ctx, queueadmin.Filter{}, recentParcels)
		var found []cobra.Completion
		for _, p := range page.Parcels {
			found = append(found, cobra.CompletionWithDesc(brief(p.ID), "for "+p.Destination))
		}
		return found, err
	})
}

func (f *queueFlags) completeDestination() cobra.CompletionFunc {
	return completeWith(1, func(ctx context.Context) ([]cobra.Completion, error) {
		c, done, err := f.client()
		if err != nil {
			return nil, err
		}
		defer done()
		stats, err := c.Stats(ctx)
		var found []cobra.Completion
		for _, d := range stats.Destinations {
			found = append(found, cobra.CompletionWithDesc(d.Name, count(d.Waiting)))
		}
		return found, err
	})
}
