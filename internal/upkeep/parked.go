package upkeep

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers"
)

// Resolver replays and drops; handlers.ResolveParked is one.
type Resolver interface {
	Replay(ctx context.Context, id string, by events.Operation) error
	Drop(ctx context.Context, id string, by events.Operation) error
}

// Parked serves /parked.
type Parked struct {
	Messages projections.ParkedReader
	History  handlers.RecordAt
	Resolver Resolver
}

// Shown is a parked message with what the history holds in its place.
type Shown struct {
	projections.ParkedMessage
	// Type is that of the original event, and Data what it says; empty if it cannot
	// be read, for which Problem is the cause.
	Type    events.Type `json:"type,omitempty"`
	Data    any         `json:"data,omitempty"`
	Problem string      `json:"problem,omitempty"`
}

// Handler returns the routes.
func (p *Parked) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /parked", p.list)
	mux.HandleFunc("GET /parked/{id}", p.show)
	mux.HandleFunc("POST /parked/{id}/replay", func(w http.ResponseWriter, r *http.Request) {
		by, err := operationOf(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, p.Resolver.Replay(r.Context(), r.PathValue("id"), by))
	})
	mux.HandleFunc("POST /parked/{id}/drop", func(w http.ResponseWriter, r *http.Request) {
		by, err := operationOf(r)
		if err == nil && by.Reason == "" {
			err = errors.New("a reason is missing")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, p.Resolver.Drop(r.Context(), r.PathValue("id"), by))
	})
	return mux
}

// maxText bounds an operator's name and reason, in octets.
const maxText = 500

// operationOf returns who wants something, and why.
func operationOf(r *http.Request) (events.Operation, error) {
	by := events.Operation{By: r.URL.Query().Get("by"), Reason: r.URL.Query().Get("reason")}
	if len(by.By) > maxText || len(by.Reason) > maxText {
		return by, fmt.Errorf("the name and the reason may have %d characters", maxText)
	}
	return by, nil
}

func (p *Parked) list(w http.ResponseWriter, r *http.Request) {
	state := projections.ParkedState(r.URL.Query().Get("state"))
	if state == "" {
		state = projections.ParkedOpen
	}
	all := []projections.ParkedMessage{}
	err := p.Messages.In(r.Context(), state, func(m projections.ParkedMessage) error {
		all = append(all, m)
		return nil
	})
	writeJSON(w, all, err)
}

func (p *Parked) show(w http.ResponseWriter, r *http.Request) {
	m, err := p.Messages.Get(r.Context(), r.PathValue("id"))
	if errors.Is(err, documents.ErrNotFound) {
		err = fmt.Errorf("%.64q: %w", r.PathValue("id"), handlers.ErrNotParked)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	shown := Shown{ParkedMessage: m}
	rec, err := p.History.At(r.Context(), m.Stream, m.Sequence)
	switch bad, unreadable := rec.Data.(events.Unreadable); {
	case err != nil:
		shown.Problem = err.Error()
	case unreadable:
		shown.Problem = bad.Err.Error()
	default:
		shown.Type, shown.Data = rec.Data.EventType(), rec.Data
	}
	writeJSON(w, shown, nil)
}

// answer says that something was done, or why not.
func answer(w http.ResponseWriter, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// writeError answers with the status that fits the error.
func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, workers.ErrNotHere):
		status = http.StatusMisdirectedRequest
	case errors.Is(err, handlers.ErrNotParked), errors.Is(err, documents.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, handlers.ErrOriginalGone):
		status = http.StatusGone
	case errors.Is(err, handlers.ErrFailedAgain):
		status = http.StatusUnprocessableEntity
	}
	http.Error(w, err.Error(), status)
}
