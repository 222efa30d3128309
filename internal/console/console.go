package console

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// Overview is the whole gateway at a glance; overview.Server is one.
type Overview interface {
	Look(ctx context.Context) (overview.Overview, error)
	Counts(ctx context.Context) ([]overview.Count, error)
}

// History is the event history; history.Live is one.
type History interface {
	States(ctx context.Context) ([]history.Stream, error)
	Message(ctx context.Context, stream string, sequence uint64) (events.Message, error)
	Messages(ctx context.Context, q history.Query) iter.Seq2[events.Message, error]
	Page(ctx context.Context, q history.PageQuery) (history.Page, error)
	Search(ctx context.Context, s history.Search) (history.Finding, error)
}

// Peers are the private gateways; projections.PeerReader is one.
type Peers interface {
	List(ctx context.Context, after uint64, limit int) ([]projections.Peer, error)
	Get(ctx context.Context, gatewayID string) (projections.Peer, error)
}

// Mailbox tells what waits for them; projections.OpenParcels is one.
type Mailbox interface {
	Waiting(ctx context.Context, gatewayID string, limit int) ([]projections.Item, error)
}

// Options are what the console shows and changes.
type Options struct {
	Overview Overview
	History  History
	Peers    Peers
	Mailbox  Mailbox
	// Queue and Upkeep ask whichever process has the role.
	Queue  queueadmin.Client
	Upkeep *upkeep.Client

	// Access lets people in and out.
	Access *access.Guard
	// Changes lets the console change things.
	Changes bool
	// Name is the gateway's Internet address, Version that of this process.
	Name, Version string
	Logger        *slog.Logger
	Now           func() time.Time
}

// Console is the handler of everything below /console. Run must run beside it.
type Console struct {
	Options
	mux   *http.ServeMux
	watch *watch
	jobs  *jobs
}

// Budgets of the searches that a page makes in the history.
const (
	pageBudget   = 100 * time.Millisecond
	searchBudget = 90 * time.Millisecond
)

// New returns a console.
func New(o Options) *Console {
	c := &Console{Options: o, mux: http.NewServeMux(), watch: newWatch(o.Overview, o.Now), jobs: newJobs(o.Now)}
	c.route()
	return c
}

// Run measures the rates until ctx ends, and then ends what the console has begun.
func (c *Console) Run(ctx context.Context) error {
	defer c.jobs.stop()
	return c.watch.run(ctx, c.Logger)
}

func (c *Console) route() {
	for pattern, page := range map[string]pageFunc{
		"GET /console/{$}":                        c.overview,
		"GET /console/parcels":                    c.parcels,
		"GET /console/events":                     c.events,
		"GET /console/events/{stream}/{sequence}": c.event,
		"GET /console/gateways":                   c.gateways,
		"GET /console/gateways/{id}":              c.gateway,
		"GET /console/destinations":               c.destinations,
		"GET /console/destinations/{name}":        c.destination,
		"GET /console/parked":                     c.parked,
		"GET /console/parked/{id}":                c.parkedMessage,
		"GET /console/projections":                c.projections,
		"GET /console/projections/{name}":         c.projection,
	} {
		c.mux.HandleFunc(pattern, c.page(page))
	}
	for pattern, change := range map[string]changeFunc{
		"POST /console/destinations/{name}":         c.changeDestination,
		"POST /console/destinations/{name}/parcels": c.changeParcel,
		"POST /console/parked/{id}/replay":          c.replayParked,
		"POST /console/parked/{id}/drop":            c.dropParked,
		"POST /console/projections/{name}/{action}": c.startJob,
	} {
		c.mux.HandleFunc(pattern, c.change(change))
	}
	c.mux.HandleFunc("GET /console", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, access.ConsolePath+"/", http.StatusSeeOther)
	})
	c.mux.HandleFunc("GET /console/events/tail", c.tail)
	c.mux.HandleFunc("GET /console/login", c.loginPage)
	c.mux.HandleFunc("POST /console/login", c.login)
	c.mux.HandleFunc("POST /console/logout", c.logout)
	c.mux.HandleFunc("GET /console/assets/{name}", asset)
	c.mux.HandleFunc("/console/", c.page(func(*http.Request) (view, error) { return view{}, errNoPage }))
}

// policy is the content security policy of every answer.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP serves the console.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !c.Access.Needed() && !isLocalName(r.Host) {
		// A site whose name was made to lead here could else read everything through an
		// operator's browser.
		http.Error(w, "without --admin-token the console is served under IP addresses and localhost only", http.StatusMisdirectedRequest)
		return
	}
	c.mux.ServeHTTP(w, r)
}
