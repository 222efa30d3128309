// Package vaulttest stands in for HashiCorp Vault in tests that do not run the real one.
// The key store's tests hold both to the same answers.
package vaulttest

import (
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Tokens that are accepted always: one that may do everything, and one that may read
// and list.
const (
	Token     = "s.token"
	ReadToken = "s.reader"
)

// Mount is where the engine is.
const Mount = "gw-keys"

// Server answers as Vault 1.21 does for one KV v2 engine at [Mount]: all versions are
// kept, DELETE of data is soft, DELETE of metadata is final, and a missing secret and a
// missing engine are different kinds of 404. It is safe for concurrent use.
type Server struct {
	mu       sync.Mutex
	secrets  map[string][]version // guarded by mu
	sealed   bool                 // guarded by mu
	tokens   map[string]*Lease    // guarded by mu; those that logins made, and others with an end
	logins   int                  // guarded by mu
	renewals int                  // guarded by mu
	secretID string               // guarded by mu; of the role "role"
	denies   bool                 // guarded by mu; the policy allows nothing
}

type version struct {
	data    map[string]any
	created time.Time
	deleted time.Time
}

// Lease is how long a token lives: until Ends, unless it is renewed by TTL, and never
// beyond Most.
type Lease struct {
	Ends, Most time.Time
	TTL        time.Duration
	// Fixed tokens cannot be renewed.
	Fixed bool
}

// New returns a server with an empty engine, for which nobody listens.
func New() *Server {
	return &Server{secrets: map[string][]version{}, tokens: map[string]*Lease{}}
}

// Start returns a server that listens at a URL until the test ends.
func Start(t testing.TB) (s *Server, url string) {
	t.Helper()
	s = New()
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	return s, listener.URL
}

// Grant makes a token.
func (s *Server) Grant(token string, l Lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = &l
}

// SetSealed seals or unseals.
func (s *Server) SetSealed(sealed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = sealed
}

// SetSecretID lets those log in who have the secret id of the role "role".
func (s *Server) SetSecretID(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secretID = id
}

// Deny changes the policy to one that allows nothing.
func (s *Server) Deny() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denies = true
}

// Sessions counts the logins and renewals of tokens.
func (s *Server) Sessions() (logins, renewals int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins, s.renewals
}

// Put stores a version of a secret, as another program would.
func (s *Server) Put(path string, data map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[path] = append(s.secrets[path], version{data: data, created: time.Now()})
}

// SoftDelete deletes the latest version of a secret, as another program would.
func (s *Server) SoftDelete(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if versions := s.secrets[path]; len(versions) > 0 {
		versions[len(versions)-1].deleted = time.Now()
	}
}

// Snapshot returns the versions of every secret, in a form that can be compared.
func (s *Server) Snapshot() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]any, len(s.secrets))
	for path, versions := range s.secrets {
		var data []any
		for _, v := range versions {
			data = append(data, v.data, v.deleted.IsZero())
		}
		all[path] = data
	}
	return all
}
