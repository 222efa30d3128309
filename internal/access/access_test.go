package access_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/access"
)

const token = "0123456789abcdef0123456789abcdef"

// world is a guarded server that says who asks, and its clock.
type world struct {
	now   time.Time
	guard *access.Guard
}

func newWorld(o access.Options) *world {
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o.Now, o.Logger = func() time.Time { return w.now }, slog.New(slog.DiscardHandler)
	w.guard = access.New(o)
	return w
}

func (w *world) do(method, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for _, c := range change {
		c(r)
	}
	answer := httptest.NewRecorder()
	w.guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "user="+access.UserOf(r.Context()).Name)
	}), "/healthz", "/console/assets/", access.LoginPath).ServeHTTP(answer, r)
	return answer
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address }
}

func TestWhoIsLetIn(t *testing.T) {
	withToken := access.Options{Token: token}
	withProxy := access.Options{UserHeader: "X-User", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	both := access.Options{Token: token, UserHeader: "X-User", Proxies: withProxy.Proxies}
	tests := []struct {
		name    string
		options access.Options
		path    string
		request []func(*http.Request)
		status  int
		body    string
	}{
		{"nothing is set", access.Options{}, "/status", nil, 200, "user="},
		{"no token", withToken, "/status", nil, 401, "--admin-token-file"},
		{"right token", withToken, "/status", []func(*http.Request){header("Authorization", "Bearer "+token)}, 200, "user="},
		{"wrong token", withToken, "/status", []func(*http.Request){header("Authorization", "Bearer "+token+"x")}, 401, "not the token"},
		{"beginning of the token", withToken, "/status", []func(*http.Request){header("Authorization", "Bearer "+token[:20])}, 401, ""},
		{"empty token", withToken, "/status", []func(*http.Request){header("Authorization", "Bearer ")}, 401, ""},
		{"another scheme", withToken, "/status", []func(*http.Request){header("Authorization", "Basic "+token)}, 401, ""},
		{"probe", withToken, "/healthz", nil, 200, "user="},
		{"open folder", withToken, "/console/assets/style.css", nil, 200, "user="},
		{"beside an open folder", withToken, "/console/assetsx", nil, 303, ""},
		{"below an open path", withToken, "/healthz/x", nil, 401, ""},
		{"a person", withToken, "/console/events?stream=X", nil, 303, ""},
		{"proxy", withProxy, "/status", []func(*http.Request){from("10.1.2.3:99"), header("X-User", "ada")}, 200, "user=ada"},
		{"proxy in IPv6 form", withProxy, "/status", []func(*http.Request){from("[::ffff:10.1.2.3]:99"), header("X-User", "ada")}, 200, "user=ada"},
		{"proxy that names nobody", withProxy, "/status", []func(*http.Request){from("10.1.2.3:99")}, 401, "proxy"},
		{"two names", withProxy, "/status", []func(*http.Request){from("10.1.2.3:99"), header("X-User", "ada"), header("X-User", "eve")}, 401, ""},
		{"somebody who claims to be the proxy", withProxy, "/status", []func(*http.Request){from("192.0.2.1:99"), header("X-User", "ada")}, 401, ""},
		{"the token beside a proxy", both, "/status", []func(*http.Request){header("Authorization", "Bearer "+token)}, 200, "user="},
		{"a claim beside a token", both, "/status", []func(*http.Request){header("X-User", "ada")}, 401, ""},
	}
	for _, tt := range tests {
		answer := newWorld(tt.options).do("GET", tt.path, tt.request...)
		if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.body) {
			t.Errorf("%s: %d %s, want %d with %q", tt.name, answer.Code, answer.Body, tt.status, tt.body)
		}
	}
}

// login returns the cookie of a session.
func (w *world) login(t *testing.T, origin string) *http.Cookie {
	t.Helper()
	answer, r := httptest.NewRecorder(), httptest.NewRequest("POST", access.LoginPath, nil)
	r.Header.Set("Origin", origin)
	if err := w.guard.Login(answer, r, token, " ada "); err != nil {
		t.Fatal(err)
	}
	return answer.Result().Cookies()[0]
}

func TestSession(t *testing.T) {
	w := newWorld(access.Options{Token: token})
	cookie := w.login(t, "https://gw.example")
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/console" {
		t.Errorf("cookie %+v", cookie)
	}
	if w.login(t, "http://127.0.0.1:8083").Secure {
		t.Error("a browser that came without TLS would not send it back")
	}
	with := func(c http.Cookie) func(*http.Request) { return func(r *http.Request) { r.AddCookie(&c) } }
	if answer := w.do("GET", "/console", with(*cookie)); answer.Code != 200 || answer.Body.String() != "user=ada" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := w.do("GET", "/queue/parcels", with(*cookie)); answer.Code != 401 {
		t.Errorf("a session counts beyond the console: %d", answer.Code)
	}
	forged := *cookie
	for i := range len(cookie.Value) {
		forged.Value = cookie.Value[:i] + string(cookie.Value[i]^1) + cookie.Value[i+1:]
		if answer := w.do("GET", "/console", with(forged)); answer.Code != 303 {
			t.Fatalf("forged at %d: %d", i, answer.Code)
		}
	}
	if answer := newWorld(access.Options{Token: token + "2"}).do("GET", "/console", with(*cookie)); answer.Code != 303 {
		t.Errorf("it survives a new token: %d", answer.Code)
	}
	if answer := newWorld(access.Options{Token: token}).do("GET", "/console", with(*cookie)); answer.Code != 200 {
		t.Errorf("another process does not take it: %d", answer.Code)
	}
	w.now = w.now.Add(13 * time.Hour)
	if answer := w.do("GET", "/console", with(*cookie)); answer.Code != 303 {
		t.Errorf("it lasts for ever: %d", answer.Code)
	}
}

// TestGuessing shows that wrong tokens are limited by address, that the right one is
// not looked at meanwhile, and that a session goes on.
func TestGuessing(t *testing.T) {
	w := newWorld(access.Options{Token: token})
	cookie := w.login(t, "")
	guess := func(address, secret string) int {
		return w.do("GET", "/status", from(address), header("Authorization", "Bearer "+secret)).Code
	}
	for i := range 10 {
		if status := guess("192.0.2.1:1", "wrong"); status != 401 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	if status := guess("192.0.2.1:2", token); status != 429 {
		t.Errorf("the right one after too many wrong ones: %d", status)
	}
	if status := guess("192.0.2.2:1", token); status != 200 {
		t.Errorf("another address: %d", status)
	}
	session := w.do("GET", "/console", from("192.0.2.1:3"), func(r *http.Request) { r.AddCookie(cookie) })
	if session.Code != 200 {
		t.Errorf("session from there: %d", session.Code)
	}
	w.now = w.now.Add(time.Minute)
	if status := guess("192.0.2.1:4", token); status != 200 {
		t.Errorf("after a minute: %d", status)
	}
}
