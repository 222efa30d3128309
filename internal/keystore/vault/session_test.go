package vault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/vault"
	"awala.network/gateway/internal/keystore/vault/vaulttest"
)

// wire is a transport to a handler in this process.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	response := recorder.Result()
	response.Request = r
	return response, nil
}

// source is a token that something else replaces.
type source struct {
	mu    sync.Mutex
	token string
}

func (s *source) set(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

func (s *source) get() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" {
		return "", errors.New("the file is empty")
	}
	return s.token, nil
}

// keepRunning runs Run until the test ends.
func keepRunning(t *testing.T, secrets *vault.Secrets) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- secrets.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func check(t *testing.T, secrets *vault.Secrets, want error) {
	t.Helper()
	_, err := secrets.List(t.Context(), "")
	if !errors.Is(err, want) || fault.IsPermanent(err) || fault.IsFatal(err) {
		t.Errorf("%v: List() error is %v, want %v", time.Now().Format("15:04:05"), err, want)
	}
}

// TestAppRoleOutlivesItsTokens runs for hours on tokens that last a minute, and can be
// renewed for ten.
func TestAppRoleOutlivesItsTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := vaulttest.New()
		fake.SetSecretID("good")
		secrets := open(t, vault.Options{
			Address: "http://vault.test", Transport: wire{fake},
			AppRole: &vault.AppRole{RoleID: "role", SecretID: (&source{token: "good"}).get},
		})
		keepRunning(t, secrets)
		for range 3 * 60 * 12 {
			time.Sleep(5 * time.Second)
			check(t, secrets, nil)
		}
		if logins, renewals := fake.Sessions(); logins < 18 || logins > 30 || renewals < 200 {
			t.Errorf("%d logins, %d renewals in three hours", logins, renewals)
		}
	})
}

// TestRevokedLoginIsMadeAgain needs nobody's Run.
func TestRevokedLoginIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, secretID := vaulttest.New(), &source{token: "bad"}
		fake.SetSecretID("good")
		secrets := open(t, vault.Options{
			Address: "http://vault.test", Transport: wire{fake},
			AppRole: &vault.AppRole{RoleID: "role", SecretID: secretID.get},
		})
		check(t, secrets, vault.ErrLogin)
		secretID.set("good")
		check(t, secrets, nil)
		time.Sleep(time.Hour) // without renewal
		check(t, secrets, nil)
		fake.Deny()
		for range 100 {
			check(t, secrets, vault.ErrDenied)
		}
		if logins, _ := fake.Sessions(); logins != 2 {
			t.Errorf("%d logins for a policy that denies", logins)
		}
	})
}

// TestTokenInFile is renewed while that can be, and replaced without a restart.
func TestTokenInFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, file := vaulttest.New(), new(source)
		secrets := open(t, vault.Options{Address: "http://vault.test", Transport: wire{fake}, Token: file.get})
		if _, err := secrets.List(t.Context(), ""); err == nil {
			t.Error("List() without a token works")
		}
		now := time.Now()
		fake.Grant("s.periodic", vaulttest.Lease{Ends: now.Add(time.Hour), Most: now.Add(1000 * time.Hour), TTL: time.Hour})
		file.set("s.periodic")
		keepRunning(t, secrets)
		for range 100 {
			time.Sleep(time.Hour)
			check(t, secrets, nil)
		}
		fake.Grant("s.fixed", vaulttest.Lease{Ends: time.Now().Add(time.Hour), Fixed: true})
		file.set("s.fixed")
		time.Sleep(59 * time.Minute)
		check(t, secrets, nil)
		time.Sleep(2 * time.Minute)
		check(t, secrets, vault.ErrDenied)
		file.set(vaulttest.Token)
		check(t, secrets, nil)
	})
}

// TestSealedDoesNotCostTheToken seals Vault at the time of a renewal.
func TestSealedDoesNotCostTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := vaulttest.New()
		fake.Grant("s.periodic", vaulttest.Lease{Ends: time.Now().Add(time.Hour), Most: time.Now().Add(100 * time.Hour), TTL: time.Hour})
		secrets := open(t, vault.Options{Address: "http://vault.test", Transport: wire{fake}, Token: is("s.periodic")})
		keepRunning(t, secrets)
		check(t, secrets, nil)
		for range 4 {
			fake.SetSealed(true)
			time.Sleep(45 * time.Minute)
			check(t, secrets, vault.ErrSealed)
			fake.SetSealed(false)
			time.Sleep(6 * time.Second)
			check(t, secrets, nil)
		}
		if err := secrets.Put(t.Context(), "a", keystore.Record{"k": "v"}); err != nil {
			t.Error(err)
		}
	})
}
