package vault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/keystoretest"
	"awala.network/gateway/internal/keystore/vault"
	"awala.network/gateway/internal/keystore/vault/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errLine is what the broken line reports.
var errLine = errors.New("the line broke")

// line is a transport that breaks once when armed: before the request is sent,
// or after the server has carried it out.
type line struct {
	http.RoundTripper
	mu    sync.Mutex
	armed bool
	skip  int
	fault keystoretest.Fault
}

func (l *line) arm(f keystoretest.Fault, skip int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed, l.skip, l.fault = true, skip, f
}

func (l *line) breaks(r *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.armed || r.Method == http.MethodGet {
		return false
	}
	l.skip--
	l.armed = l.skip >= 0
	return !l.armed
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if !l.breaks(r) {
		return l.RoundTripper.RoundTrip(r)
	}
	if l.fault == keystoretest.NotStored {
		return nil, errLine
	}
	response, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return nil, errors.Join(errLine, err, response.Body.Close())
}

func open(t *testing.T, o vault.Options) *vault.Secrets {
	t.Helper()
	secrets, err := vault.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := secrets.Close(); err != nil {
			t.Error(err)
		}
	})
	return secrets
}

// is a token that does not change.
func is(token string) func() (string, error) {
	return func() (string, error) { return token, nil }
}

func start(t *testing.T) (*vaulttest.Server, vault.Options) {
	fake, url := vaulttest.Start(t)
	return fake, vault.Options{Address: url, Token: is(vaulttest.Token)}
}

// rootsIn reads a PEM file; no file is the system's authorities.
func rootsIn(t *testing.T, file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return roots
}

func conform(t *testing.T, o vault.Options) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: rootsIn(t, o.CAFile)}
	t.Cleanup(transport.CloseIdleConnections)
	breakable := &line{RoundTripper: transport}
	o.Transport = breakable
	secrets := open(t, o)
	keystoretest.Run(t, func(*testing.T) keystoretest.Subject {
		return keystoretest.Subject{Secrets: secrets, FailWrite: breakable.arm}
	})
}

func TestConformance(t *testing.T) {
	_, options := start(t)
	t.Run("root", func(t *testing.T) { conform(t, options) })
	options.Folder = "/awala/keys/"
	t.Run("folder", func(t *testing.T) { conform(t, options) })
}

func TestTransientFaults(t *testing.T) {
	tests := map[string]struct {
		spoil func(*vaulttest.Server, *vault.Options)
		want  error
	}{
		"sealed":       {func(f *vaulttest.Server, _ *vault.Options) { f.SetSealed(true) }, vault.ErrSealed},
		"wrong token":  {func(_ *vaulttest.Server, o *vault.Options) { o.Token = is("s.expired") }, vault.ErrDenied},
		"wrong mount":  {func(_ *vaulttest.Server, o *vault.Options) { o.Mount = "secret" }, vault.ErrMount},
		"wrong server": {func(_ *vaulttest.Server, o *vault.Options) { o.Address = "http://127.0.0.1:1" }, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			fake, options := start(t)
			tc.spoil(fake, &options)
			secrets := open(t, options)
			_, getErr := secrets.Get(t.Context(), "a")
			_, listErr := secrets.List(t.Context(), "")
			putErr := secrets.Put(t.Context(), "a", keystore.Record{"k": "v"})
			for call, err := range map[string]error{"Get": getErr, "List": listErr, "Put": putErr} {
				if err == nil || fault.IsPermanent(err) || errors.Is(err, keystore.ErrNotFound) {
					t.Errorf("%s error is %v", call, err)
				}
				if tc.want != nil && !errors.Is(err, tc.want) {
					t.Errorf("%s error is %v, want %v", call, err, tc.want)
				}
				if err != nil && strings.Contains(err.Error(), "s.expired") {
					t.Errorf("%s error shows the token: %v", call, err)
				}
			}
		})
	}
}

func TestSealedAndUnsealed(t *testing.T) {
	fake, options := start(t)
	secrets := open(t, options)
	if err := secrets.Put(t.Context(), "a", keystore.Record{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	fake.SetSealed(true)
	if err := secrets.Delete(t.Context(), "a"); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("Delete() error is %v", err)
	}
	fake.SetSealed(false)
	if r, err := secrets.Get(t.Context(), "a"); err != nil || r["k"] != "v" {
		t.Errorf("Get() = %v, %v", r, err)
	}
}

// What other tools leave behind.
func TestForeignRecords(t *testing.T) {
	fake, options := start(t)
	fake.Put("soft", map[string]any{"k": "v"})
	fake.SoftDelete("soft")
	fake.Put("mixed", map[string]any{"k": "v", "n": 1, "o": map[string]any{}})
	fake.Put("folder/inner", map[string]any{"k": "v"})
	secrets := open(t, options)
	if _, err := secrets.Get(t.Context(), "soft"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("Get() of what was soft-deleted: %v", err)
	}
	if r, err := secrets.Get(t.Context(), "mixed"); err != nil || len(r) != 1 || r["k"] != "v" {
		t.Errorf("Get() = %v, %v", r, err)
	}
	paths, err := secrets.List(t.Context(), "")
	if err != nil || strings.Join(paths, " ") != "mixed soft" {
		t.Errorf("List() = %v, %v", paths, err)
	}
}

// Answers that are not Vault's, as a proxy gives them, are transient.
func TestStrangeAnswers(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"404 of a proxy": http.NotFound,
		"empty":          func(http.ResponseWriter, *http.Request) {},
		"html":           func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			_, err := open(t, vault.Options{Address: server.URL, Token: is("t")}).Get(t.Context(), "a")
			if err == nil || fault.IsPermanent(err) {
				t.Errorf("Get() error is %v", err)
			}
		})
	}
}

func TestNotKVv2IsCorrupt(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":{"privateKey":"AA=="}}`)
	}))
	defer server.Close()
	_, err := open(t, vault.Options{Address: server.URL, Token: is("t")}).Get(t.Context(), "a")
	if !errors.Is(err, keystore.ErrCorrupt) {
		t.Errorf("Get() error is %v", err)
	}
}

func TestSilentServerIsLeft(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	secrets := open(t, vault.Options{Address: server.URL, Token: is("t"), Timeout: 50 * time.Millisecond})
	if err := secrets.Delete(t.Context(), "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Delete() error is %v", err)
	}
	if _, err := secrets.Get(t.Context(), "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get() error is %v", err)
	}
}
