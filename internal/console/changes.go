package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// outcomes are what pages say after a change, by the parameter that the page is
// called with: links to here cannot make it say anything else.
var outcomes = map[string]string{
	"hold":    "Held. Nothing is delivered there until it is released.",
	"release": "Released. What waits is delivered from now on.",
	"flush":   "Everything that waits there is being tried at once.",
	"retry":   "The parcel is being tried at once.",
	"drop":    "Given up, and recorded so.",
	"replay":  "It was handled, and is not parked any more.",
	"rebuild": "The rebuild has begun.",
	"verify":  "The verification has begun.",
	"logout":  "You are logged out.",
}

// changeFunc changes something for somebody, and returns where to go then.
type changeFunc func(r *http.Request, by events.Operation) (to, did string, err error)

// Mistakes in changes.
var (
	errNoName   = errors.New("say who you are: the history keeps it")
	errNoReason = errors.New("say why: the history keeps it")
	errBusy     = errors.New("this projection is being worked at already")
)

// failedChange is a change that did not work.
type failedChange struct{ error }

// maxForm bounds the body of a form, and maxText a name and a reason, in octets.
const (
	maxForm = 16 << 10
	maxText = 500
)

// change lets a change through if the console may change things and its user says who
// they are and why.
func (c *Console) change(do changeFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		to, did, err := c.tryChange(w, r, do)
		if err != nil {
			c.show(w, r, c.failure(r.Context(), err))
			return
		}
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		http.Redirect(w, r, to+separator+"did="+did, http.StatusSeeOther)
	}
}

func (c *Console) tryChange(w http.ResponseWriter, r *http.Request, do changeFunc) (to, did string, err error) {
	if !c.Changes {
		return "", "", errReadOnly
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return "", "", badRequest{err}
	}
	by := events.Operation{By: access.UserOf(r.Context()).Name, Reason: strings.TrimSpace(r.PostForm.Get("reason"))}
	if by.By == "" {
		by.By = strings.TrimSpace(r.PostForm.Get("by"))
	}
	switch {
	case by.By == "":
		return "", "", badRequest{errNoName}
	case by.Reason == "":
		return "", "", badRequest{errNoReason}
	case len(by.By) > maxText || len(by.Reason) > maxText:
		return "", "", badRequest{errors.New("the name and the reason may have 500 characters")}
	}
	if to, did, err = do(r, by); err != nil && !errors.As(err, new(badRequest)) && !errors.Is(err, errNoPage) {
		err = failedChange{err}
	}
	c.Logger.LogAttrs(r.Context(), slog.LevelInfo, "change by the console", slog.String("path", r.URL.Path), slog.String("did", did),
		slog.String("by", by.By), slog.String("reason", by.Reason), slog.Any("error", err))
	return to, did, err
}

// changeDestination holds, releases or flushes a destination as a whole.
func (c *Console) changeDestination(r *http.Request, by events.Operation) (to, did string, err error) {
	verb, name := queueadmin.Verb(r.PostForm.Get("verb")), r.PathValue("name")
	if verb != queueadmin.Hold && verb != queueadmin.Release && verb != queueadmin.Flush {
		return "", "", badRequest{errors.New("want hold, release or flush")}
	}
	_, err = c.Queue.Do(r.Context(), queueadmin.Action{Verb: verb, Whole: name, By: by.By, Reason: by.Reason})
	if err == nil && verb != queueadmin.Flush {
		settle(r.Context(), func(ctx context.Context) bool {
			stats, err := c.Queue.Stats(ctx)
			held := slices.ContainsFunc(stats.Destinations, func(d queueadmin.Destination) bool { return d.Name == name && d.Held })
			return err != nil || held == (verb == queueadmin.Hold)
		})
	}
	return "/console/destinations/" + url.PathEscape(name), string(verb), err
}

// changeParcel does something to one parcel of a destination.
func (c *Console) changeParcel(r *http.Request, by events.Operation) (to, did string, err error) {
	verb, id, name := queueadmin.Verb(r.PostForm.Get("verb")), r.PostForm.Get("id"), r.PathValue("name")
	if verb == queueadmin.Flush || id == "" {
		return "", "", badRequest{errors.New("want hold, release, retry or drop, and the id of a parcel")}
	}
	done, err := c.Queue.Do(r.Context(), queueadmin.Action{
		Verb: verb, Filter: queueadmin.Filter{Parcel: id, Destination: name}, By: by.By, Reason: by.Reason,
	})
	switch {
	case err == nil && done.Matched == 0:
		err = errors.New("the parcel has come to its end meanwhile")
	case err == nil && verb == queueadmin.Drop:
		settle(r.Context(), func(ctx context.Context) bool {
			left, err := c.Queue.List(ctx, queueadmin.Filter{Parcel: id, Destination: name}, 1)
			return err != nil || left.Matched == 0
		})
	}
	return "/console/destinations/" + url.PathEscape(name), string(verb), err
}

func (c *Console) replayParked(r *http.Request, by events.Operation) (to, did string, err error) {
	id := r.PathValue("id")
	err = c.Upkeep.ReplayParked(r.Context(), id, by)
	return "/console/parked/" + url.PathEscape(id), "replay", c.resolved(r.Context(), id, err)
}

func (c *Console) dropParked(r *http.Request, by events.Operation) (to, did string, err error) {
	id := r.PathValue("id")
	err = c.Upkeep.DropParked(r.Context(), id, by)
	return "/console/parked/" + url.PathEscape(id), "drop", c.resolved(r.Context(), id, err)
}

// resolved waits until a message that was resolved is seen to be so.
func (c *Console) resolved(ctx context.Context, id string, err error) error {
	if err == nil {
		settle(ctx, func(ctx context.Context) bool {
			m, err := c.Upkeep.ShowParked(ctx, id)
			return err != nil || m.State != projections.ParkedOpen
		})
	}
	return err
}

// What was changed is recorded by now; the page that comes next shows it when the read
// models have it, too, for which it waits a little.
const (
	settleWithin = 2 * time.Second
	settlePoll   = 25 * time.Millisecond
)

func settle(ctx context.Context, seen func(context.Context) bool) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for !seen(ctx) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

// startJob begins a rebuild or a verification.
func (c *Console) startJob(r *http.Request, by events.Operation) (to, did string, err error) {
	name, verb := r.PathValue("name"), r.PathValue("action")
	work := map[string]func(context.Context, func(upkeep.Line) error) error{
		"rebuild": func(ctx context.Context, note func(upkeep.Line) error) error {
			return c.Upkeep.Rebuild(ctx, name, projections.RebuildOptions{}, note)
		},
		"verify": func(ctx context.Context, note func(upkeep.Line) error) error { return c.Upkeep.Verify(ctx, name, note) },
	}[verb]
	if work == nil {
		return "", "", errNoPage
	}
	if _, err := c.Upkeep.Projection(r.Context(), name); err != nil {
		return "", "", err
	}
	err = c.jobs.start(name, job{verb: verb, by: by.By, reason: by.Reason}, work)
	return "/console/projections/" + url.PathEscape(name), verb, err
}
