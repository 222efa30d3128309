package queueadmin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers/delivery"
)

// Queue is the queue as this package needs it (see [delivery.Queue]).
type Queue interface {
	List(f delivery.Filter, now time.Time) []delivery.View
	Destinations(now time.Time) []delivery.DestinationStats
	Totals(now time.Time) delivery.Totals
}

// Operator does what operators want (see handlers.OperateQueue).
type Operator interface {
	Hold(ctx context.Context, d projections.Delivery, by events.Operation) error
	Release(ctx context.Context, d projections.Delivery, by events.Operation) error
	Hasten(ctx context.Context, d projections.Delivery, by events.Operation) error
	Drop(ctx context.Context, d projections.Delivery, by events.Operation) error
	HoldDestination(ctx context.Context, name string, by events.Operation) error
	ReleaseDestination(ctx context.Context, name string, by events.Operation) error
	FlushDestination(ctx context.Context, name string, by events.Operation) error
}

// Ended reads deliveries that may have ended (see [projections.DeliveryReader]).
type Ended interface {
	Get(ctx context.Context, ids []string) (map[string]projections.Stored[projections.Delivery], error)
	In(ctx context.Context, s projections.DeliveryState, yield func(projections.Stored[projections.Delivery]) error) error
}

// Handler is the part of the admin server.
type Handler struct {
	Queue    Queue
	Operator Operator
	Ended    Ended
	Logger   *slog.Logger
	Now      func() time.Time
}

// Routes returns the handler of everything below /queue.
func (h *Handler) Routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /queue/parcels", h.list)
	mux.HandleFunc("GET /queue/parcels/{id}", h.show)
	mux.HandleFunc("GET /queue/destinations", h.stats)
	mux.HandleFunc("POST /queue/actions", h.act)
	return mux
}

const (
	defaultLimit = 100
	maxLimit     = 10_000
)

func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	filter, err := parseFilter(r.URL.Query())
	limit := defaultLimit
	if text := r.URL.Query().Get("limit"); text != "" && err == nil {
		if limit, err = strconv.Atoi(text); err != nil || limit < 0 || limit > maxLimit {
			err = errors.New("limit: want a number up to 10000")
		}
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	page, err := h.page(r.Context(), filter, limit)
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	write(w, http.StatusOK, page)
}

func (h *Handler) page(ctx context.Context, f Filter, limit int) (Page, error) {
	if f.State == "" || f.State.Open() {
		matched := h.Queue.List(delivery.Filter(f), h.Now())
		page := Page{Matched: len(matched), Parcels: parcels(matched, limit)}
		for i := range matched {
			page.Size += matched[i].Size
		}
		return page, nil
	}
	page := Page{Parcels: []Parcel{}}
	now := h.Now()
	err := h.Ended.In(ctx, f.State, func(s projections.Stored[projections.Delivery]) error {
		if len(page.Parcels) == limit {
			return projections.ErrStop
		}
		v := delivery.View{Delivery: s.State, Age: now.Sub(s.State.AcceptedAt)}
		if delivery.Filter(f).Selects(&v) {
			page.Parcels = append(page.Parcels, newParcel(v))
		}
		return nil
	})
	return page, err
}

// parcels converts the first of a list.
func parcels(views []delivery.View, limit int) []Parcel {
	list := make([]Parcel, 0, min(len(views), limit))
	for _, v := range views[:min(len(views), limit)] {
		list = append(list, newParcel(v))
	}
	return list
}

// show finds an open delivery by either id, an ended one by that of its
// acceptance.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if found := h.Queue.List(delivery.Filter{Parcel: id}, h.Now()); len(found) > 0 {
		write(w, http.StatusOK, newParcel(found[0]))
		return
	}
	stored, err := h.Ended.Get(r.Context(), []string{id})
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	s, ok := stored[id]
	if !ok {
		writeError(w, http.StatusNotFound, errors.New("no such parcel is queued, and none that ended has this id"))
		return
	}
	write(w, http.StatusOK, newParcel(delivery.View{Delivery: s.State}))
}

func (h *Handler) stats(w http.ResponseWriter, _ *http.Request) {
	now := h.Now()
	t := h.Queue.Totals(now)
	s := Stats{Queued: t.Queued, Deferred: t.Deferred, Held: t.Held, InFlight: t.InFlight, Destinations: []Destination{}}
	if t.Oldest > 0 {
		s.OldestSince = now.Add(-t.Oldest)
	}
	for _, d := range h.Queue.Destinations(now) {
		one := Destination{
			Name: d.Name, Waiting: d.Waiting, InFlight: d.InFlight, Breaker: d.Breaker, OpenUntil: d.OpenUntil,
			Failures: d.Failures, LastError: d.LastError, LastErrorAt: d.LastErrorAt, Elsewhere: d.Elsewhere, Held: d.Held, HeldReason: d.Reason,
		}
		if d.Waiting > 0 {
			one.OldestSince = now.Add(-d.Oldest)
		}
		s.Destinations = append(s.Destinations, one)
	}
	write(w, http.StatusOK, s)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that went away needs no answer.
	_ = json.NewEncoder(w).Encode(body)
}

func writeError(w http.ResponseWriter, status int, err error) {
	http.Error(w, err.Error(), status)
}
