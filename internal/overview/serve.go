package overview

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Processes is the subject on which every process of a gateway tells how it is.
const Processes = "awala.processes"

// Server shows the overview.
type Server struct {
	Sources *Sources
	// Own fills in what is known of the gateway itself.
	Own func(*Overview)
	// Ask asks every process for its [Process], as JSON.
	Ask func(ctx context.Context) ([][]byte, error)
}

// ServeHTTP answers with an [Overview] as JSON.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, err := s.Look(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A client that went away needs no answer.
	_ = json.NewEncoder(w).Encode(o)
}

// Look makes an overview. It takes as long as processes are given to answer.
func (s *Server) Look(ctx context.Context) (o Overview, err error) {
	o.At = s.Sources.Now().UTC()
	s.Own(&o)
	if o.Consumers, err = s.Sources.consumers(ctx); err != nil {
		return o, err
	}
	if o.Channels, err = s.Sources.channels(ctx, o.Consumers); err != nil {
		return o, err
	}
	if o.Projections, err = s.Sources.projections(ctx); err != nil {
		return o, err
	}
	answers, err := s.Ask(ctx)
	if err != nil {
		return o, err
	}
	for _, answer := range answers {
		var p Process
		if json.Unmarshal(answer, &p) == nil && p.Kind != "" { // others may answer, too
			o.Processes = append(o.Processes, p)
		}
	}
	slices.SortFunc(o.Processes, func(a, b Process) int {
		return strings.Compare(a.Kind+" "+a.Host, b.Kind+" "+b.Host)
	})
	return o, nil
}

// maxAnswer bounds an overview on the wire, in octets.
const maxAnswer = 4 << 20

// Fetch asks the admin server at the URL for the overview.
func Fetch(ctx context.Context, client *http.Client, admin string) (o Overview, err error) {
	target, err := url.JoinPath(admin, "status")
	if err != nil {
		return o, fmt.Errorf("admin server: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return o, fmt.Errorf("admin server: %w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return o, fmt.Errorf("admin server: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return o, fmt.Errorf("admin server: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return o, fmt.Errorf("admin server: %s: %s", answer.Status, strings.TrimSpace(string(body[:min(len(body), 1000)])))
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return o, fmt.Errorf("admin server: %w", err)
	}
	return o, nil
}
