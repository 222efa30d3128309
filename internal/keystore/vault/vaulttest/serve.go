package vaulttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, errors ...string) {
	if errors == nil {
		errors = []string{}
	}
	answer(w, status, map[string]any{"errors": errors})
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if r.URL.Query().Get("list") == "true" && !strings.HasSuffix(path, "/") {
		path += "/" // as Vault does, because its client drops the slash
	}
	data, isData := strings.CutPrefix(path, "gw-keys/data/")
	metadata, isMetadata := strings.CutPrefix(path, "gw-keys/metadata/")
	switch {
	case s.sealed:
		refuse(w, 503, "Vault is sealed")
	case path == "auth/approle/login":
		s.serveLogin(w, r)
	case !s.accepts(r.Header.Get("X-Vault-Token")):
		refuse(w, 403, "permission denied")
	case path == "auth/token/renew-self":
		s.serveRenewal(w, r.Header.Get("X-Vault-Token"))
	case path == "auth/token/lookup-self":
		answer(w, 200, map[string]any{"data": map[string]any{"ttl": 3600, "renewable": false}})
	case s.denies, r.Header.Get("X-Vault-Token") == ReadToken && r.Method != http.MethodGet:
		refuse(w, 403, "permission denied")
	case isData:
		s.serveData(w, r, data)
	case isMetadata:
		s.serveMetadata(w, r, metadata)
	default:
		refuse(w, 404, fmt.Sprintf("no handler for route %q. route entry not found.", path))
	}
}

func (s *Server) accepts(token string) bool {
	l := s.tokens[token]
	return token == Token || token == ReadToken || l != nil && time.Now().Before(l.Ends)
}

func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	_ = json.NewDecoder(r.Body).Decode(&body)
	if body["role_id"] != "role" || body["secret_id"] != s.secretID {
		refuse(w, 400, "invalid role or secret ID")
		return
	}
	s.logins++
	token, now := fmt.Sprintf("s.login.%d", s.logins), time.Now()
	s.tokens[token] = &Lease{Ends: now.Add(time.Minute), Most: now.Add(10 * time.Minute), TTL: time.Minute}
	answer(w, 200, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 60, "renewable": true}})
}

func (s *Server) serveRenewal(w http.ResponseWriter, token string) {
	l := s.tokens[token]
	if l == nil || l.Fixed {
		refuse(w, 400, "lease is not renewable")
		return
	}
	s.renewals++
	if l.Ends = time.Now().Add(l.TTL); l.Ends.After(l.Most) {
		l.Ends = l.Most
	}
	answer(w, 200, map[string]any{"auth": map[string]any{
		"client_token": token, "lease_duration": int(time.Until(l.Ends).Seconds()), "renewable": true,
	}})
}

func (v version) metadata(number int) map[string]any {
	deleted := ""
	if !v.deleted.IsZero() {
		deleted = v.deleted.Format(time.RFC3339Nano)
	}
	return map[string]any{
		"created_time": v.created.Format(time.RFC3339Nano), "custom_metadata": nil,
		"deletion_time": deleted, "destroyed": false, "version": number,
	}
}

func (s *Server) serveData(w http.ResponseWriter, r *http.Request, path string) {
	versions := s.secrets[path]
	switch {
	case r.Method == http.MethodPut || r.Method == http.MethodPost:
		var body struct {
			Data    map[string]any
			Options struct {
				CAS *int `json:"cas"`
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Data == nil {
			refuse(w, 400, "no data provided")
			return
		}
		if cas := body.Options.CAS; cas != nil && *cas != len(versions) {
			refuse(w, 400, "check-and-set parameter did not match the current version")
			return
		}
		s.secrets[path] = append(versions, version{data: body.Data, created: time.Now()})
		answer(w, 200, map[string]any{"data": s.secrets[path][len(versions)].metadata(len(versions) + 1)})
	case r.Method == http.MethodDelete:
		if len(versions) > 0 {
			versions[len(versions)-1].deleted = time.Now()
		}
		w.WriteHeader(204)
	case len(versions) == 0:
		refuse(w, 404)
	default:
		s.serveLatest(w, versions)
	}
}

func (s *Server) serveLatest(w http.ResponseWriter, versions []version) {
	latest, status := versions[len(versions)-1], 200
	if !latest.deleted.IsZero() {
		latest.data, status = nil, 404
	}
	answer(w, status, map[string]any{"data": map[string]any{
		"data": latest.data, "metadata": latest.metadata(len(versions)),
	}})
}

func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, path string) {
	switch {
	case r.Method == http.MethodDelete:
		delete(s.secrets, path)
		w.WriteHeader(204)
	case r.Method == http.MethodGet && r.URL.Query().Get("list") == "true":
		s.list(w, path)
	default:
		refuse(w, 405, "unsupported operation")
	}
}

// list answers with the names right under a folder; subfolders end with a slash.
func (s *Server) list(w http.ResponseWriter, folder string) {
	var names []string
	for path := range s.secrets {
		name, inside := strings.CutPrefix(path, folder)
		if !inside {
			continue
		}
		if i := strings.IndexByte(name, '/'); i >= 0 {
			name = name[:i+1]
		}
		names = append(names, name)
	}
	if names == nil {
		refuse(w, 404)
		return
	}
	slices.Sort(names)
	answer(w, 200, map[string]any{"data": map[string]any{"keys": slices.Compact(names)}})
}
