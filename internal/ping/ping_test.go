package ping_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/ping"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFailureNamesTheStep tries servers that work halfway. That a working one
// passes is shown in internal/gateway, with a real gateway.
func TestFailureNamesTheStep(t *testing.T) {
	broken := func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			http.Error(w, "disk full", http.StatusInsufficientStorage)
		}
	}
	hung := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	tests := map[string]struct {
		handler http.HandlerFunc
		timeout time.Duration
		steps   string // verdicts, in order
		want    []string
	}{
		"down":     {http.NotFound, time.Minute, "FAILED", []string{"PoWeb server answers: GET http://", "404 Not Found"}},
		"hung":     {hung, 100 * time.Millisecond, "FAILED", []string{"PoWeb server answers: ", "deadline exceeded"}},
		"refusing": {broken, time.Minute, "ok ok FAILED", []string{"private gateway A registers: ", "507 Insufficient Storage", "disk full"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.handler)
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			var report strings.Builder
			err := ping.Run(ctx, ping.Target{PoWeb: server.URL, PoHTTP: server.URL}, &ping.Report{W: &report})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if got := verdicts(report.String()); got != tt.steps {
				t.Errorf("steps %q, want %q\n%s", got, tt.steps, &report)
			}
		})
	}
}

func verdicts(report string) string {
	var words []string
	for line := range strings.Lines(report) {
		words = append(words, strings.Fields(line)[0])
	}
	return strings.Join(words, " ")
}

func TestBadURL(t *testing.T) {
	var report strings.Builder
	if err := ping.Run(t.Context(), ping.Target{PoWeb: "gw.example.com"}, &ping.Report{W: &report}); err == nil {
		t.Error("no error")
	}
}
