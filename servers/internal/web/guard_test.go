package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/servers/internal/servertest"
	"awala.network/gateway/servers/internal/web"
)

const (
	attacker = "198.51.100.66"
	honest   = "198.51.100.1"
)

// postAs posts a body as a proxy that forwards for an address.
func postAs(ctx context.Context, url, address string, body io.Reader) (status int, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Forwarded-For", address)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header, nil
}

// flooded serves bodies to a handler that never finishes those of the attacker, and
// has the attacker send n of the given size. It returns once the server can take no
// more of them.
func flooded(t *testing.T, o limits.Options, n, size int, full func(held int) bool) (url string, stop func()) {
	t.Helper()
	o.Proxies = loopback
	guard := servertest.NewGuard(t, o)
	bodies, goOn, entered := web.NewBodies(guard), make(chan struct{}), make(chan struct{}, n)
	server, _, _ := serveGuarded(t, guard, web.Route{Name: "root", Paths: []string{"/"}, Post: func(w http.ResponseWriter, r *http.Request) error {
		return bodies.Read(w, r, 1<<20, func([]byte) error {
			if web.Client(r).Address.String() == attacker {
				entered <- struct{}{}
				<-goOn
			}
			return web.Respond(w, http.StatusOK, "text/plain", nil)
		})
	}})
	var flood sync.WaitGroup
	for range n {
		flood.Go(func() {
			status, _, err := postAs(t.Context(), server.URL, attacker, bytes.NewReader(make([]byte, size)))
			if err != nil || status != http.StatusOK && status != http.StatusServiceUnavailable {
				t.Errorf("the attacker: status %d, %v", status, err)
			}
		})
	}
	for held := 1; ; held++ {
		<-entered
		if full(held) {
			break
		}
	}
	return server.URL, func() {
		close(goOn)
		flood.Wait()
		http.DefaultClient.CloseIdleConnections()
	}
}

// TestFloodDoesNotKeepOthersOut fills what one client may have of the requests in
// hand, and of the memory. Another client is served at once all the same.
func TestFloodDoesNotKeepOthersOut(t *testing.T) {
	tests := map[string]struct {
		limits  limits.Options
		n, size int
		held    int // how many of the attacker's requests get in
	}{
		"requests":     {limits.Options{Requests: 16, AddressRequests: 8}, 60, 100, 8},
		"large bodies": {limits.Options{Memory: 8 << 20}, 20, 1 << 20, 3},
		"small bodies": {limits.Options{Memory: 8 << 20}, 60, 64 << 10, 8},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.limits.Wait = time.Minute // so that only room lets anybody in
			url, stop := flooded(t, test.limits, test.n, test.size, func(held int) bool { return held == test.held })
			defer stop()
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				status, _, err := postAs(ctx, url, honest, bytes.NewReader(make([]byte, test.size)))
				cancel()
				if err != nil || status != http.StatusOK {
					t.Errorf("the other client: status %d, %v", status, err)
				}
			}
		})
	}
}

// TestBusyIsNoReasonToDrop pins the answer to a client at a limit: released clients
// keep what is answered with 503, and drop what is answered with 429 or 408.
func TestBusyIsNoReasonToDrop(t *testing.T) {
	guard := servertest.NewGuard(t, limits.Options{Proxies: loopback, AddressRate: limits.Rate{Events: 1, Per: time.Hour}})
	server, _, _ := serveGuarded(t, guard, web.Route{Name: "root", Paths: []string{"/"}, Post: web.Alive})
	defer http.DefaultClient.CloseIdleConnections()
	for i, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		status, header, err := postAs(t.Context(), server.URL, honest, strings.NewReader(""))
		if err != nil || status != want {
			t.Errorf("request %d: status %d, %v", i, status, err)
		}
		if busy := header.Get("Retry-After") != ""; busy != (want == http.StatusServiceUnavailable) {
			t.Errorf("request %d: %v", i, header)
		}
	}
}

// TestRequestIDOfAStranger: only a trusted proxy may say what a request is called in
// our logs.
func TestRequestIDOfAStranger(t *testing.T) {
	server, _, _ := serveGuarded(t, servertest.NewGuard(t, limits.Options{}), web.Route{Name: "root", Paths: []string{"/"}, Get: web.Alive})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Request-Id", "chosen")
	recorder := httptest.NewRecorder()
	server.Config.Handler.ServeHTTP(recorder, r)
	if id := recorder.Result().Header.Get("X-Request-Id"); id == "chosen" || len(id) != 36 {
		t.Errorf("request id %q", id)
	}
}

// pipes is a listener for connections in memory, which a fake clock can time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// TestSlowBodies sends bodies slowly: fast enough, then too slowly, then not at all.
func TestSlowBodies(t *testing.T) {
	const size = 1 << 20
	tests := map[string]struct {
		chunk  int
		every  time.Duration
		status string
		within time.Duration
	}{
		"40 KiB a second":  {40 << 10, time.Second, "200", 30 * time.Second},
		"4 KiB a second":   {4 << 10, time.Second, "503", 20 * time.Second},
		"an octet an hour": {1, time.Hour, "503", 16 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				guard := servertest.NewGuard(t, limits.Options{Memory: 8 << 20})
				bodies := web.NewBodies(guard)
				metrics, err := web.NewMetrics(prometheus.NewRegistry(), "test")
				if err != nil {
					t.Fatal(err)
				}
				router := web.NewRouter(web.Route{Name: "root", Paths: []string{"/"}, Post: func(w http.ResponseWriter, r *http.Request) error {
					return bodies.Read(w, r, size, func([]byte) error { return web.Respond(w, http.StatusOK, "text/plain", nil) })
				}})
				l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				server := &http.Server{Handler: web.Observe(router, slog.New(slog.DiscardHandler), metrics, guard, tracing.Entrance{})}
				served := make(chan error)
				go func() { served <- server.Serve(l) }()
				began := time.Now()
				if got := sendSlowly(l.dial(), size, test.chunk, test.every); !strings.HasPrefix(got, "HTTP/1.1 "+test.status) {
					t.Errorf("answered with %q", got)
				}
				if took := time.Since(began); took > test.within {
					t.Errorf("held for %v", took)
				}
				server.Close()
				<-served
				time.Sleep(time.Second) // net/http lingers for half of one, in fake time
			})
		})
	}
}

// sendSlowly posts a body in chunks with pauses, until all is sent or the server
// stops reading. It returns the first line of the answer.
func sendSlowly(conn net.Conn, size, chunk int, every time.Duration) string {
	defer conn.Close()
	answer := make(chan string, 1)
	go func() {
		buffer := make([]byte, 4096)
		n, _ := conn.Read(buffer)
		line, _, _ := strings.Cut(string(buffer[:n]), "\r\n")
		answer <- line
	}()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", size)
	for sent := 0; sent < size; sent += chunk {
		if _, err := conn.Write(make([]byte, min(chunk, size-sent))); err != nil {
			break
		}
		select {
		case line := <-answer:
			return line
		case <-time.After(every):
		}
	}
	return <-answer
}

// TestVolumeOfOneClient refuses the bodies of a client that has sent enough for an
// hour, with an answer upon which it keeps them, and no others.
func TestVolumeOfOneClient(t *testing.T) {
	guard := servertest.NewGuard(t, limits.Options{Proxies: loopback, AddressVolume: limits.Rate{Events: 100_000, Per: time.Hour}})
	bodies := web.NewBodies(guard)
	server, _, _ := serveGuarded(t, guard, web.Route{Name: "root", Paths: []string{"/"}, Post: func(w http.ResponseWriter, r *http.Request) error {
		return bodies.Read(w, r, 1<<20, func([]byte) error { return web.Respond(w, http.StatusOK, "text/plain", nil) })
	}})
	for i, want := range []struct {
		address      string
		size, status int
	}{{attacker, 60_000, 200}, {attacker, 60_000, 503}, {attacker, 3000, 200}, {honest, 60_000, 200}} {
		status, header, err := postAs(t.Context(), server.URL, want.address, bytes.NewReader(make([]byte, want.size)))
		if err != nil || status != want.status || (status == 503) != (header.Get("Retry-After") != "") {
			t.Errorf("%d: %d %v, %v", i, status, header, err)
		}
	}
}
