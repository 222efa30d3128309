package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHandler(t *testing.T) (http.Handler, *admin.Readiness, *slog.LevelVar) {
	t.Helper()
	readiness, level := admin.NewReadiness("v1"), new(slog.LevelVar)
	return admin.NewHandler(admin.Options{
		Version:   "v1",
		Readiness: readiness,
		Metrics:   telemetry.NewRegistry("v1", "test"),
		Level:     level,
		Logger:    slog.New(slog.DiscardHandler),
		Access:    open(),
	}), readiness, level
}

// open lets everybody in.
func open() *access.Guard {
	return access.New(access.Options{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
}

func do(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestRoutes(t *testing.T) {
	h, _, _ := newHandler(t)
	tests := []struct {
		method, path, body string
		status             int
		contains           string
	}{
		{"GET", "/", "", 200, "awala-gateway v1"},
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/readyz", "", 503, `"state": "starting"`},
		{"GET", "/metrics", "", 200, `awala_gateway_info{role="test",version="v1"} 1`},
		{"GET", "/log-level", "", 200, "info"},
		{"PUT", "/log-level", "loud", 400, "want debug"},
		{"PUT", "/log-level", strings.Repeat("x", 1000), 400, "want debug"},
		{"POST", "/log-level", "debug", 405, ""},
		{"GET", "/nothing", "", 404, ""},
	}
	for _, tt := range tests {
		w := do(h, tt.method, tt.path, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.contains) {
			t.Errorf("%s %s: %d %s, want %d with %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.contains)
		}
	}
}

func TestLogLevelChanges(t *testing.T) {
	h, _, level := newHandler(t)
	if w := do(h, "PUT", "/log-level", "debug\n"); w.Code != 200 || w.Body.String() != "debug\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if level.Level() != slog.LevelDebug {
		t.Errorf("level %v", level.Level())
	}
}

func TestOtherSitesCannotChangeAnything(t *testing.T) {
	h, _, level := newHandler(t)
	r := httptest.NewRequest("PUT", "/log-level", strings.NewReader("debug"))
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || level.Level() != slog.LevelInfo {
		t.Errorf("%d, level %v", w.Code, level.Level())
	}
}

func TestReadyzNamesWhatIsMissing(t *testing.T) {
	h, readiness, _ := newHandler(t)
	readiness.Require("history", func(context.Context) error { return nil })
	readiness.Require("blobs", func(context.Context) error { return errors.New("disk gone") })
	readiness.Enter(admin.Serving)
	w := do(h, "GET", "/readyz", "")
	var got admin.Report
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := admin.Report{State: admin.Serving, Version: "v1", Checks: []admin.Result{
		{Name: "history", OK: true}, {Name: "blobs", Problem: "disk gone"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || w.Code != 503 {
		t.Error(w.Code, diff)
	}
	readiness.Require("blobs", func(context.Context) error { return nil })
	if w := do(h, "GET", "/readyz", ""); w.Code != 200 {
		t.Errorf("mended: %d %s", w.Code, w.Body)
	}
}

func TestStoppingIsFinal(t *testing.T) {
	_, readiness, _ := newHandler(t)
	readiness.Enter(admin.Stopping)
	readiness.Enter(admin.Serving)
	if r := readiness.Report(t.Context()); r.Ready || r.State != admin.Stopping {
		t.Errorf("%+v", r)
	}
}

// TestHungCheckIsReported shows that one check that hangs neither delays the
// answer for ever nor hides the others.
func TestHungCheckIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		readiness := admin.NewReadiness("v1")
		readiness.Require("hung", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		readiness.Require("fine", func(context.Context) error { return nil })
		readiness.Enter(admin.Serving)
		r := readiness.Report(t.Context())
		want := []admin.Result{{Name: "hung", Problem: "context deadline exceeded"}, {Name: "fine", OK: true}}
		if diff := cmp.Diff(want, r.Checks); diff != "" || r.Ready {
			t.Error(r.Ready, diff)
		}
	})
}

func TestProfiles(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		handler := admin.NewHandler(admin.Options{
			Readiness: admin.NewReadiness("v1"), Metrics: telemetry.NewRegistry("v1", "test"), Level: new(slog.LevelVar),
			Logger: slog.New(slog.DiscardHandler), Access: open(), Profiles: wanted,
		})
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/debug/pprof/cmdline", nil))
		if got := recorder.Code == http.StatusOK; got != wanted {
			t.Errorf("wanted: %v, status %d", wanted, recorder.Code)
		}
	}
}
