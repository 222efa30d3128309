package admin_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/telemetry"
)

func TestMountComesLater(t *testing.T) {
	mount := &admin.Mount{Path: "/things"}
	h := admin.NewHandler(admin.Options{
		Readiness: admin.NewReadiness("v1"), Metrics: telemetry.NewRegistry("v1", "test"),
		Level: new(slog.LevelVar), Logger: slog.New(slog.DiscardHandler), Mounts: []*admin.Mount{mount}, Access: open(),
	})
	if w := do(h, "GET", "/things/x", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before: %d %s", w.Code, w.Body)
	}
	mount.Fill(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	for _, path := range []string{"/things", "/things/x"} {
		if w := do(h, "GET", path, ""); w.Code != 200 || w.Body.String() != path {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := do(h, "GET", "/", ""); !strings.Contains(w.Body.String(), "/things") {
		t.Errorf("the index does not list it: %s", w.Body)
	}
}
