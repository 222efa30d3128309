package upkeep

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/projections"
)

// Projections serves /projections.
type Projections struct {
	// Maintained are the projections of this process.
	Maintained []projections.Maintained
	// Totals reads the daily totals.
	Totals projections.TotalsReader
	// Scratch makes an empty database to verify in, and a function that removes it.
	Scratch func(ctx context.Context) (documents.Database, func() error, error)

	mu     sync.Mutex
	life   context.Context // nil before Run and after it
	atWork sync.WaitGroup
}

// Run lets rebuilds and verifications work until ctx ends, and waits for them.
func (p *Projections) Run(ctx context.Context) error {
	p.mu.Lock()
	p.life = ctx
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.life = nil
	p.mu.Unlock()
	p.atWork.Wait()
	return nil
}

// Handler returns the routes.
func (p *Projections) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /projections", p.list)
	mux.HandleFunc("GET /projections/totals", p.totals)
	mux.HandleFunc("GET /projections/{name}", p.named(p.status))
	mux.HandleFunc("POST /projections/{name}/rebuild", p.named(p.working(p.rebuild)))
	mux.HandleFunc("POST /projections/{name}/verify", p.named(p.working(p.verify)))
	return mux
}

func (p *Projections) list(w http.ResponseWriter, r *http.Request) {
	all := make([]projections.Status, len(p.Maintained))
	var err error
	for i, m := range p.Maintained {
		if all[i], err = m.Status(r.Context()); err != nil {
			break
		}
	}
	writeJSON(w, all, err)
}

// action is what is done to one projection.
type action func(w http.ResponseWriter, r *http.Request, m projections.Maintained)

// named finds the projection that the path names.
func (p *Projections) named(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, m := range p.Maintained {
			if m.Name() == r.PathValue("name") {
				do(w, r, m)
				return
			}
		}
		http.Error(w, fmt.Sprintf("no projection is called %.64q", r.PathValue("name")), http.StatusNotFound)
	}
}

func (p *Projections) status(w http.ResponseWriter, r *http.Request, m projections.Maintained) {
	s, err := m.Status(r.Context())
	writeJSON(w, s, err)
}

// working is during for an action.
func (p *Projections) working(do action) action {
	return func(w http.ResponseWriter, r *http.Request, m projections.Maintained) {
		p.during(func(w http.ResponseWriter, r *http.Request) { do(w, r, m) })(w, r)
	}
}

// during lets a request work until it ends or the process stops.
func (p *Projections) during(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		life := p.life
		if life != nil {
			p.atWork.Add(1)
		}
		p.mu.Unlock()
		if life == nil {
			http.Error(w, "this process is starting or stopping", http.StatusServiceUnavailable)
			return
		}
		defer p.atWork.Done()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		do(w, r.WithContext(ctx))
	}
}

func (p *Projections) rebuild(w http.ResponseWriter, r *http.Request, m projections.Maintained) {
	options := projections.RebuildOptions{
		Fresh: r.URL.Query().Get("fresh") == "true", Compare: r.URL.Query().Get("compare") == "true",
	}
	out := newLines(w)
	done, err := m.Rebuild(r.Context(), options, out.progress)
	out.end(Line{Rebuilt: &done}, err)
}

func (p *Projections) verify(w http.ResponseWriter, r *http.Request, m projections.Maintained) {
	scratch, remove, err := p.Scratch(r.Context())
	if err != nil {
		writeError(w, err)
		return
	}
	out := newLines(w)
	done, err := m.Verify(r.Context(), scratch, out.progress, func(d projections.Difference) error {
		return out.write(Line{Difference: &d})
	})
	if removing := remove(); err == nil {
		err = removing
	}
	out.end(Line{Verified: &done}, err)
}

func (p *Projections) totals(w http.ResponseWriter, r *http.Request) {
	from, to := time.Unix(0, 0), time.Now()
	for name, at := range map[string]*time.Time{"from": &from, "to": &to} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			http.Error(w, fmt.Sprintf("%s=%.32q: want a date such as 2026-03-01", name, text), http.StatusBadRequest)
			return
		}
		*at = day
	}
	days, err := p.Totals.Days(r.Context(), from, to)
	writeJSON(w, days, err)
}
