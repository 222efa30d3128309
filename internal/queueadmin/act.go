package queueadmin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers/delivery"
)

const (
	// maxAction bounds the body of an action, maxText its name and reason.
	maxAction = 16 << 10
	maxText   = 500
	// actionSample is how many parcels an answer names.
	actionSample = 20
	// actionWorkers is how many events are recorded at once: the servers sync
	// them together.
	actionWorkers = 64
)

var errNothing = errors.New("say which parcels, or give a destination")

func (h *Handler) act(w http.ResponseWriter, r *http.Request) {
	var a Action
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAction))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&a); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("want an action as JSON: %w", err))
		return
	}
	if err := a.check(); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	done, err := h.do(r.Context(), a)
	if err != nil {
		h.Logger.LogAttrs(r.Context(), slog.LevelError, "operator's action failed",
			slog.String("verb", string(a.Verb)), slog.Int("changed", done.Changed), slog.Any("error", err))
		writeError(w, http.StatusServiceUnavailable, fmt.Errorf("after %d of %d parcels: %w", done.Changed, done.Matched, err))
		return
	}
	h.Logger.LogAttrs(r.Context(), slog.LevelInfo, "operator's action",
		slog.String("verb", string(a.Verb)), slog.String("by", a.By), slog.String("reason", a.Reason),
		slog.String("destination", a.Whole), slog.Int("changed", done.Changed), slog.Bool("dry_run", a.DryRun))
	write(w, http.StatusOK, done)
}

func (a *Action) check() error {
	switch {
	case len(a.By) > maxText || len(a.Reason) > maxText:
		return fmt.Errorf("the name and the reason may have %d characters", maxText)
	case a.Whole != "" && !a.Filter.Empty():
		return errors.New("a destination as a whole takes no filter")
	case a.Whole == "" && a.Filter.Empty():
		return errNothing
	}
	switch a.Verb {
	case Hold, Release:
		return nil
	case Retry, Drop:
		if a.Whole != "" {
			return fmt.Errorf("%s takes parcels: filter by destination", a.Verb)
		}
		return nil
	case Flush:
		if a.Whole == "" {
			return errors.New("flush takes a destination as a whole")
		}
		return nil
	default:
		return errors.New("want the verb hold, release, retry, drop or flush")
	}
}

// do does an action.
func (h *Handler) do(ctx context.Context, a Action) (Done, error) {
	filter := delivery.Filter(a.Filter)
	if a.Whole != "" {
		filter = delivery.Filter{Destination: a.Whole}
	}
	matched := h.Queue.List(filter, h.Now())
	done := Done{Matched: len(matched), Parcels: parcels(matched, actionSample), DryRun: a.DryRun}
	for i := range matched {
		done.Size += matched[i].Size
	}
	by := events.Operation{By: a.By, Reason: a.Reason}
	switch {
	case a.DryRun:
		return done, nil
	case a.Whole != "":
		done.Changed = len(matched)
		return done, h.doWhole(ctx, a, by)
	}
	changed, err := h.doEach(ctx, matched, h.verb(a.Verb), by)
	done.Changed = changed
	return done, err
}

func (h *Handler) doWhole(ctx context.Context, a Action, by events.Operation) error {
	switch a.Verb {
	case Hold:
		return h.Operator.HoldDestination(ctx, a.Whole, by)
	case Release:
		return h.Operator.ReleaseDestination(ctx, a.Whole, by)
	default:
		return h.Operator.FlushDestination(ctx, a.Whole, by)
	}
}

// change does something to one parcel.
type change func(context.Context, projections.Delivery, events.Operation) error

func (h *Handler) verb(v Verb) change {
	return map[Verb]change{
		Hold: h.Operator.Hold, Release: h.Operator.Release, Retry: h.Operator.Hasten, Drop: h.Operator.Drop,
	}[v]
}

func (h *Handler) doEach(ctx context.Context, views []delivery.View, do change, by events.Operation) (int, error) {
	var changed atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(actionWorkers)
	for _, v := range views {
		group.Go(func() error {
			err := do(ctx, v.Delivery, by)
			if err == nil {
				changed.Add(1)
			}
			return err
		})
	}
	err := group.Wait()
	return int(changed.Load()), err
}
