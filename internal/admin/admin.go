// Package admin is the operators' HTTP server of every role:
//
//	GET /healthz    200 while the process runs: for liveness probes
//	GET /readyz     200 when all that the role needs is there, else 503; JSON
//	                that names each need and what is wrong with it
//	GET /metrics    the metrics, in Prometheus's text form
//	GET /log-level  the level of the logs
//	PUT /log-level  changes it: debug, info, warn or error
//	POST /keys/rotate-certificate
//	                issues the gateway's next own certificate; JSON with its expiry
//	/debug/pprof    Go's profiles, if asked for
//	/events         the event history (see internal/history)
//	/console        the web console (see internal/console)
//	GET /           what is here
//
// Package access says who may use it. Probes always may; so may whoever scrapes the
// metrics, unless that is protected. Without a token or a proxy that logs people in
// it must listen where only operators and probes reach it. Pages of other sites
// cannot change anything through an operator's browser.
//
// Guarantees: it answers at once from the moment that it listens, before the
// backing services are there; /readyz is bounded by [CheckTimeout] whatever hangs;
// /healthz does no I/O at all.
package admin

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"awala.network/gateway/internal/access"
)

// Options are what the server shows and changes.
type Options struct {
	// Version is shown on / and by /readyz.
	Version string
	// Readiness is asked by /readyz.
	Readiness *Readiness
	// Metrics is exposed by /metrics.
	Metrics prometheus.Gatherer
	// Level is shown and changed by /log-level.
	Level *slog.LevelVar
	// RotateCertificate issues the next own certificate and returns its expiry. It
	// fails while there is no identity yet.
	RotateCertificate func(context.Context) (expiresAt time.Time, err error)
	// Logger gets the changes of level and failures of gathering.
	Logger *slog.Logger
	// Profiles adds /debug/pprof.
	Profiles bool
	// Mounts are further parts.
	Mounts []*Mount
	// Access says who may use it all but probes and, unless ProtectMetrics, metrics.
	Access         *access.Guard
	ProtectMetrics bool
}

// consoleAssets is what the login page is made of.
const consoleAssets = access.ConsolePath + "/assets/"

// NewHandler returns the server's handler.
func NewHandler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", o.index)
	mux.HandleFunc("GET /healthz", healthz)
	mux.Handle("GET /readyz", o.Readiness)
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{
		EnableOpenMetrics: true, // for exemplars, with those who ask for them
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelError),
	}))
	mux.HandleFunc("GET /log-level", o.showLevel)
	mux.HandleFunc("PUT /log-level", o.changeLevel)
	mux.HandleFunc("POST /keys/rotate-certificate", o.rotateCertificate)
	for _, m := range o.Mounts {
		mux.Handle(m.Path, m)
		mux.Handle(m.Path+"/", m)
	}
	if o.Profiles {
		profiles(mux)
	}
	open := []string{"/healthz", "/readyz", access.LoginPath, consoleAssets}
	if !o.ProtectMetrics {
		open = append(open, "/metrics")
	}
	return http.NewCrossOriginProtection().Handler(o.Access.Handler(mux, open...))
}

func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

func (o Options) index(w http.ResponseWriter, _ *http.Request) {
	text := "awala-gateway " + o.Version + "\n\n/healthz\n/readyz\n/metrics\n/log-level (GET, PUT)\n/keys/rotate-certificate (POST)\n"
	for _, m := range o.Mounts {
		text += m.Path + "\n"
	}
	writeText(w, http.StatusOK, text)
}

func healthz(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") }

func (o Options) showLevel(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, strings.ToLower(o.Level.Level().String())+"\n")
}

func (o Options) changeLevel(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64))
	var level slog.Level
	if err != nil || level.UnmarshalText([]byte(strings.TrimSpace(string(body)))) != nil {
		writeText(w, http.StatusBadRequest, "want debug, info, warn or error\n")
		return
	}
	before := o.Level.Level()
	o.Level.Set(level)
	// Logged as a warning so that the change is seen at every usual level.
	o.Logger.LogAttrs(r.Context(), slog.LevelWarn, "log level changed",
		slog.String("from", before.String()), slog.String("to", level.String()))
	o.showLevel(w, r)
}

func writeText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// A client that went away needs no answer.
	_, _ = io.WriteString(w, body)
}
