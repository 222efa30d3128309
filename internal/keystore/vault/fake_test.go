package vault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// fakeVault answers as Vault 1.21 does for one KV v2 engine at "gw-keys": all
// versions are kept, DELETE of data is soft, DELETE of metadata is final, and a
// missing secret and a missing engine are different kinds of 404.
type fakeVault struct {
	mu      sync.Mutex
	secrets map[string][]version // guarded by mu
	sealed  bool                 // guarded by mu
	tokens  map[string]*lease    // guarded by mu; those that logins made, and others with an end
	logins  int                  // guarded by mu
	renewed int                  // guarded by mu
	secret  string               // guarded by mu; the secret id of the role "role"
	denies  bool                 // guarded by mu; the policy allows nothing
}

// lease is how long a token lives: until ends, unless it is renewed by ttl, and never
// beyond most.
type lease struct {
	ends, most time.Time
	ttl        time.Duration
	fixed      bool // cannot be renewed
}

// grant makes a token.
func (f *fakeVault) grant(token string, l lease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[token] = &l
}

const fakeToken = "s.token"

type version struct {
	data    map[string]any
	created time.Time
	deleted time.Time
}

func newFakeVault() *fakeVault {
	return &fakeVault{secrets: map[string][]version{}, tokens: map[string]*lease{}}
}

func (f *fakeVault) setSealed(sealed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sealed = sealed
}

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

func (f *fakeVault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if r.URL.Query().Get("list") == "true" && !strings.HasSuffix(path, "/") {
		path += "/" // as Vault does, because its client drops the slash
	}
	data, isData := strings.CutPrefix(path, "gw-keys/data/")
	metadata, isMetadata := strings.CutPrefix(path, "gw-keys/metadata/")
	switch {
	case f.sealed:
		refuse(w, 503, "Vault is sealed")
	case path == "auth/approle/login":
		f.serveLogin(w, r)
	case !f.accepts(r.Header.Get("X-Vault-Token")):
		refuse(w, 403, "permission denied")
	case path == "auth/token/renew-self":
		f.serveRenewal(w, r.Header.Get("X-Vault-Token"))
	case path == "auth/token/lookup-self":
		answer(w, 200, map[string]any{"data": map[string]any{"ttl": 3600, "renewable": false}})
	case f.denies:
		refuse(w, 403, "permission denied")
	case isData:
		f.serveData(w, r, data)
	case isMetadata:
		f.serveMetadata(w, r, metadata)
	default:
		refuse(w, 404, fmt.Sprintf("no handler for route %q. route entry not found.", path))
	}
}

func (f *fakeVault) accepts(token string) bool {
	l := f.tokens[token]
	return token == fakeToken || l != nil && time.Now().Before(l.ends)
}

func (f *fakeVault) serveLogin(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	_ = json.NewDecoder(r.Body).Decode(&body)
	if body["role_id"] != "role" || body["secret_id"] != f.secret {
		refuse(w, 400, "invalid role or secret ID")
		return
	}
	f.logins++
	token, now := fmt.Sprintf("s.login.%d", f.logins), time.Now()
	f.tokens[token] = &lease{ends: now.Add(time.Minute), most: now.Add(10 * time.Minute), ttl: time.Minute}
	answer(w, 200, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 60, "renewable": true}})
}

func (f *fakeVault) serveRenewal(w http.ResponseWriter, token string) {
	l := f.tokens[token]
	if l == nil || l.fixed {
		refuse(w, 400, "lease is not renewable")
		return
	}
	f.renewed++
	if l.ends = time.Now().Add(l.ttl); l.ends.After(l.most) {
		l.ends = l.most
	}
	answer(w, 200, map[string]any{"auth": map[string]any{
		"client_token": token, "lease_duration": int(time.Until(l.ends).Seconds()), "renewable": true,
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

func (f *fakeVault) serveData(w http.ResponseWriter, r *http.Request, path string) {
	versions := f.secrets[path]
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
		f.secrets[path] = append(versions, version{data: body.Data, created: time.Now()})
		answer(w, 200, map[string]any{"data": f.secrets[path][len(versions)].metadata(len(versions) + 1)})
	case r.Method == http.MethodDelete:
		if len(versions) > 0 {
			versions[len(versions)-1].deleted = time.Now()
		}
		w.WriteHeader(204)
	case len(versions) == 0:
		refuse(w, 404)
	default:
		f.serveLatest(w, versions)
	}
}

func (f *fakeVault) serveLatest(w http.ResponseWriter, versions []version) {
	latest, status := versions[len(versions)-1], 200
	if !latest.deleted.IsZero() {
		latest.data, status = nil, 404
	}
	answer(w, status, map[string]any{"data": map[string]any{
		"data": latest.data, "metadata": latest.metadata(len(versions)),
	}})
}

func (f *fakeVault) serveMetadata(w http.ResponseWriter, r *http.Request, path string) {
	switch {
	case r.Method == http.MethodDelete:
		delete(f.secrets, path)
		w.WriteHeader(204)
	case r.Method == http.MethodGet && r.URL.Query().Get("list") == "true":
		f.list(w, path)
	default:
		refuse(w, 405, "unsupported operation")
	}
}

// list answers with the names right under a folder; subfolders end with a slash.
func (f *fakeVault) list(w http.ResponseWriter, folder string) {
	var names []string
	for path := range f.secrets {
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
