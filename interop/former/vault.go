package former

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// vaultToken is the token that the server accepts.
const vaultToken = "s.former"

// vault answers as HashiCorp Vault does to those who read and list the KV v2 engine at
// gw-keys, and refuses everything else. The keystore's tests hold a real one to the
// same answers.
type vault struct {
	address string

	mu      sync.Mutex
	secrets map[string]map[string]any // guarded by mu
}

// serveVault starts one, which ends with the test.
func serveVault(t *testing.T) *vault {
	v := &vault{secrets: map[string]map[string]any{}}
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	v.address = server.URL
	return v
}

func (v *vault) access() vaultAccess { return vaultAccess{v.address, vaultToken, "gw-keys"} }

func (v *vault) put(path string, data map[string]any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets[path] = data
}

func (v *vault) snapshot() map[string]any {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make(map[string]any, len(v.secrets))
	for path, data := range v.secrets {
		all[path] = data
	}
	return all
}

// ServeHTTP implements http.Handler.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	path, isData := strings.CutPrefix(r.URL.Path, "/v1/gw-keys/data/")
	secret := v.secrets[path]
	switch listing := r.URL.Query().Get("list") == "true"; {
	case r.Header.Get("X-Vault-Token") != vaultToken || r.Method != http.MethodGet:
		w.WriteHeader(http.StatusForbidden)
		answer(w, map[string]any{"errors": []string{"permission denied"}})
	case listing && strings.HasPrefix(r.URL.Path, "/v1/gw-keys/metadata"):
		var names []string
		for name := range v.secrets {
			names = append(names, name)
		}
		slices.Sort(names)
		answer(w, map[string]any{"data": map[string]any{"keys": names}})
	case isData && secret != nil:
		answer(w, map[string]any{"data": map[string]any{"data": secret, "metadata": map[string]any{"version": 1}}})
	default:
		w.WriteHeader(http.StatusNotFound)
		answer(w, map[string]any{"errors": []string{}})
	}
}

// answer writes JSON. A client that has gone hears nothing.
func answer(w http.ResponseWriter, body any) { _ = json.NewEncoder(w).Encode(body) }
