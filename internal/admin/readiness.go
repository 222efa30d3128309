package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// CheckTimeout bounds one answer of /readyz.
const CheckTimeout = 2 * time.Second

// Check returns nil if what a role needs is there, or an error that says what
// is wrong. It should obey its context; one that does not is reported as timed
// out.
type Check func(context.Context) error

// Readiness knows what the process needs before it may get traffic. It begins
// as "starting", which Enter(Serving) ends. It is safe for concurrent use.
type Readiness struct {
	version string

	mu     sync.Mutex // guards what follows
	state  State
	names  []string // in the order of Require
	checks map[string]Check
}

// State is the phase of the process's life.
type State string

// The phases in their order. Only a serving process is ever ready.
const (
	Starting State = "starting"
	Serving  State = "serving"
	Stopping State = "stopping"
)

// Report is the body of /readyz.
type Report struct {
	Ready   bool     `json:"ready"`
	State   State    `json:"state"`
	Version string   `json:"version"`
	Checks  []Result `json:"checks"`
}

// Result is the outcome of one check.
type Result struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Problem says what is missing; empty if OK.
	Problem string `json:"problem,omitempty"`
}

// NewReadiness returns a Readiness that is starting and needs nothing.
func NewReadiness(version string) *Readiness {
	return &Readiness{version: version, state: Starting, checks: make(map[string]Check)}
}

// Require adds a need, or replaces that of the same name.
func (r *Readiness) Require(name string, check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.checks[name] == nil {
		r.names = append(r.names, name)
	}
	r.checks[name] = check
}

// Enter moves to a later phase; a move backwards is ignored.
func (r *Readiness) Enter(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == Starting || s == Stopping {
		r.state = s
	}
}

// Report runs every check at once and waits for them no longer than
// [CheckTimeout].
func (r *Readiness) Report(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	r.mu.Lock()
	report := Report{State: r.state, Version: r.version, Ready: r.state == Serving, Checks: make([]Result, len(r.names))}
	pending := make([]<-chan error, len(r.names))
	for i, name := range r.names {
		report.Checks[i].Name = name
		pending[i] = run(ctx, r.checks[name])
	}
	r.mu.Unlock()
	for i := range pending {
		if err := await(ctx, pending[i]); err != nil {
			report.Checks[i].Problem = err.Error()
			report.Ready = false
			continue
		}
		report.Checks[i].OK = true
	}
	return report
}

// run starts a check. Its goroutine ends when the check returns, which a check
// that obeys its context does within CheckTimeout.
func run(ctx context.Context, check Check) <-chan error {
	done := make(chan error, 1)
	go func() { done <- check(ctx) }()
	return done
}

// await waits for a check's result, which counts even when time is up by now.
func await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return ctx.Err()
	}
}

// ServeHTTP answers with the report: 200 if ready, 503 if not.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	report := r.Report(req.Context())
	status := http.StatusServiceUnavailable
	if report.Ready {
		status = http.StatusOK
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	// A client that went away needs no answer.
	_ = encoder.Encode(report)
}
