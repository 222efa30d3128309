package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/servers/internal/httpscript"
	"awala.network/gateway/servers/internal/servertest"
	"awala.network/gateway/servers/internal/web"
)

// log collects log records as JSON lines.
type log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// records returns the records with the given message.
func (l *log) records(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for line := range bytes.Lines(l.buffer.Bytes()) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}

// serve serves the routes. The loopback is a trusted proxy.
func serve(t *testing.T, routes ...web.Route) (*httptest.Server, *log, *prometheus.Registry) {
	t.Helper()
	return serveGuarded(t, servertest.NewGuard(t, limits.Options{Proxies: loopback}), routes...)
}

var loopback = limits.Proxies{netip.MustParsePrefix("127.0.0.0/8")}

func serveGuarded(t *testing.T, guard *limits.Guard, routes ...web.Route) (*httptest.Server, *log, *prometheus.Registry) {
	t.Helper()
	l, registry := &log{}, prometheus.NewRegistry()
	metrics, err := web.NewMetrics(registry, "test")
	if err != nil {
		t.Fatal(err)
	}
	handler := web.Observe(web.NewRouter(routes...), slog.New(slog.NewJSONHandler(l, nil)), metrics, guard, tracing.Entrance{})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server, l, registry
}

func failing(err error) web.Handler {
	return func(http.ResponseWriter, *http.Request) error { return err }
}

func TestScript(t *testing.T) {
	server, _, _ := serve(t,
		web.Route{Name: "root", Paths: []string{"/", "/also"}, Get: web.Alive, Post: web.Alive},
		web.Route{Name: "post", Paths: []string{"/post"}, Post: web.Alive},
		web.Route{Name: "upgrade", Paths: []string{"/upgrade"}, Get: web.Alive, Upgrade: true},
		web.Route{Name: "full", Paths: []string{"/full"}, Get: failing(blobs.ErrFull)},
		web.Route{Name: "transient", Paths: []string{"/transient"}, Get: failing(errors.New("inner detail"))},
		web.Route{Name: "permanent", Paths: []string{"/permanent"}, Get: failing(fault.Permanent(errors.New("inner detail")))},
		web.Route{Name: "panic", Paths: []string{"/panic"}, Get: func(http.ResponseWriter, *http.Request) error { panic("inner detail") }},
		web.Route{Name: "problem", Paths: []string{"/problem"}, Get: failing(
			&web.Problem{Status: http.StatusTeapot, Message: `a "teapot"`, Header: http.Header{"X-Extra": {"1"}}, Err: errors.New("inner detail")})},
	)
	httpscript.Run(t, "testdata/web.http", server.Listener.Addr().String(), nil)
}

func TestAccessLog(t *testing.T) {
	server, l, registry := serve(t, web.Route{Name: "root", Paths: []string{"/"}, Post: func(_ http.ResponseWriter, r *http.Request) error {
		web.Annotate(r.Context(), slog.String("parcel_id", "p1"))
		web.Logger(r.Context()).Info("inside")
		return errors.New("disk on fire")
	}})
	r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", "abc/1")
	r.Header.Set("Authorization", "Secret sesame")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	server.Close() // waits for the handler
	http.DefaultClient.CloseIdleConnections()
	if got := answer.Header.Get("X-Request-Id"); got != "abc/1" {
		t.Errorf("the request id came back as %q", got)
	}
	records := l.records(t, "Request answered")
	if len(records) != 1 {
		t.Fatalf("%d access log records", len(records))
	}
	for _, key := range []string{"time", "remote", "duration_ms", "octets_out"} {
		delete(records[0], key)
	}
	want := map[string]any{
		"level": "ERROR", "msg": "Request answered", "request_id": "abc/1", "method": "POST", "route": "root",
		"status": 503.0, "octets_in": 4.0, "client": "127.0.0.1", "parcel_id": "p1", "error": "disk on fire",
	}
	if diff := cmp.Diff(want, records[0]); diff != "" {
		t.Error(diff)
	}
	if inside := l.records(t, "inside"); len(inside) != 1 || inside[0]["request_id"] != "abc/1" {
		t.Errorf("the handler's record: %v", inside)
	}
	counts := []string{"code=503 method=POST route=root server=test 1"}
	if diff := cmp.Diff(counts, requestCounts(t, registry)); diff != "" {
		t.Error(diff)
	}
}

// requestCounts returns the request counters, each in a line.
func requestCounts(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		if family.GetName() != "awala_http_requests_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			line := ""
			for _, label := range metric.GetLabel() {
				line += label.GetName() + "=" + label.GetValue() + " "
			}
			lines = append(lines, fmt.Sprintf("%s%v", line, metric.GetCounter().GetValue()))
		}
	}
	return lines
}

func TestOddRequestIDsAreReplaced(t *testing.T) {
	server, _, _ := serve(t, web.Route{Name: "root", Paths: []string{"/"}, Get: web.Alive})
	for _, id := range []string{"", "two words", `quo"te`, strings.Repeat("x", 129), "ümlaut"} {
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Request-Id", id)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get("X-Request-Id"); got == id || len(got) != 36 {
			t.Errorf("the request id %q came back as %q", id, got)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// bodyServer reads bodies of up to limit octets and answers with what use got.
func bodyServer(t *testing.T, o limits.Options, limit int64, use func([]byte)) *httptest.Server {
	guard := servertest.NewGuard(t, o)
	b := web.NewBodies(guard)
	server, _, _ := serveGuarded(t, guard, web.Route{Name: "root", Paths: []string{"/"}, Post: func(w http.ResponseWriter, r *http.Request) error {
		return b.Read(w, r, limit, func(body []byte) error {
			use(body)
			return web.Respond(w, http.StatusOK, "text/plain", nil)
		})
	}})
	return server
}

func post(t *testing.T, url string, body io.Reader) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestBodies(t *testing.T) {
	const limit = 300 << 10
	var got []byte
	server := bodyServer(t, limits.Options{Memory: 1 << 20, Wait: time.Second}, limit, func(body []byte) { got = body })
	for _, size := range []int{0, 1, 4<<10 - 1, 4 << 10, 4<<10 + 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, limit - 1, limit, limit + 1} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		for name, reader := range map[string]io.Reader{
			"known length": bytes.NewReader(body), "chunked": struct{ io.Reader }{bytes.NewReader(body)},
		} {
			got = nil
			status := post(t, server.URL, reader)
			if size > limit {
				if status != http.StatusRequestEntityTooLarge {
					t.Errorf("%d octets, %s: status %d", size, name, status)
				}
			} else if status != http.StatusOK || !bytes.Equal(got, body) {
				t.Errorf("%d octets, %s: status %d, %d octets read", size, name, status, len(got))
			}
		}
	}
}

func TestBodiesWaitForRoom(t *testing.T) {
	const size = 100 << 10
	inside, goOn := make(chan struct{}), make(chan struct{})
	server := bodyServer(t, limits.Options{Memory: size, Wait: 50 * time.Millisecond}, size, func(body []byte) {
		if len(body) == size {
			inside <- struct{}{}
			<-goOn
		}
	})
	var done sync.WaitGroup
	done.Go(func() {
		if status := post(t, server.URL, bytes.NewReader(make([]byte, size))); status != http.StatusOK {
			t.Errorf("the first body: status %d", status)
		}
	})
	<-inside
	if status := post(t, server.URL, bytes.NewReader(make([]byte, size))); status != http.StatusServiceUnavailable {
		t.Errorf("a body without room: status %d", status)
	}
	if status := post(t, server.URL, strings.NewReader("small")); status != http.StatusOK {
		t.Errorf("a small body: status %d", status)
	}
	close(goOn)
	done.Wait()
}

func TestClientGone(t *testing.T) {
	entered := make(chan struct{})
	server, l, registry := serve(t, web.Route{Name: "root", Paths: []string{"/"}, Get: func(_ http.ResponseWriter, r *http.Request) error {
		close(entered)
		<-r.Context().Done()
		return r.Context().Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	server.Close()
	if records := l.records(t, "Request answered"); len(records) != 1 || records[0]["status"] != 499.0 || records[0]["level"] != "INFO" {
		t.Errorf("access log: %v", records)
	}
	counts := []string{"code=499 method=GET route=root server=test 1"}
	if diff := cmp.Diff(counts, requestCounts(t, registry)); diff != "" {
		t.Error(diff)
	}
}
