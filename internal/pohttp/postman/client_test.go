package postman_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/internal/pohttp/postman"
	"awala.network/gateway/internal/resolver"
	"awala.network/gateway/internal/resolver/resolvertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var parcel = bytes.Repeat([]byte("parcel"), 1000)

// receive starts a receiver over TLS with HTTP/2. Its certificate is for
// 127.0.0.1 and example.com.
func receive(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = discardLog
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func roots(servers ...*httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, s := range servers {
		pool.AddCert(s.Certificate())
	}
	return pool
}

// client returns a client that finds a.test at url, and trusts servers.
func client(t *testing.T, url string, servers ...*httptest.Server) *postman.Client {
	t.Helper()
	override, err := postman.ParseOverride("a.test=" + url)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, postman.Options{Overrides: []postman.Override{override}, Roots: roots(servers...), UserAgent: "test"})
}

func newClient(t *testing.T, o postman.Options) *postman.Client {
	c := postman.New(o)
	t.Cleanup(c.Close)
	return c
}

func TestRequest(t *testing.T) {
	server := receive(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, parcel) {
			t.Errorf("body of %d octets, %v", len(body), err)
		}
		want := []string{"POST", "/", "HTTP/2.0", "application/vnd.awala.parcel", strconv.Itoa(len(parcel)), "test", ""}
		got := []string{
			r.Method, r.URL.Path, r.Proto, r.Header.Get("Content-Type"), strconv.FormatInt(r.ContentLength, 10),
			r.UserAgent(), r.Header.Get("Idempotency-Key"),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(r.Header.Get("Accept"), "application/json") {
			t.Errorf("Accept: %s", r.Header.Get("Accept"))
		}
		w.WriteHeader(http.StatusAccepted)
	})
	got := client(t, server.URL, server).Deliver(t.Context(), "A.test.", parcel)
	want := pohttp.Result{Verdict: pohttp.Done, Stage: pohttp.StageAnswer, Status: 202, Target: server.URL}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEveryStatus gives each status there can be.
func TestEveryStatus(t *testing.T) {
	var status atomic.Int32
	server := receive(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(int(status.Load()))
	})
	c := client(t, server.URL, server)
	for code := 200; code <= 599; code++ {
		status.Store(int32(code))
		got := c.Deliver(t.Context(), "a.test", parcel)
		want := pohttp.Later
		switch {
		case code < 300:
			want = pohttp.Done
		case code >= 400 && code < 500 && code != 408 && code != 425 && code != 429:
			want = pohttp.Refused
		}
		if got.Verdict != want || got.Status != code || (got.Cause == "") != (want == pohttp.Done) {
			t.Errorf("%d: %+v, want %s", code, got, want)
		}
		redirect := code == 307 || code == 308
		if want == pohttp.Later && !redirect && got.RetryAfter != 2*time.Minute {
			t.Errorf("%d: retry after %v", code, got.RetryAfter)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "soon": 0, "-1": 0, "1e3": 0,
		"99999999":                        24 * time.Hour,
		"Fri, 02 Jan 2026 03:14:05 GMT":   10 * time.Minute,
		"Fri, 02 Jan 2026 03:04:00 GMT":   0,
		"Fri, 02 Jan 2099 03:04:00 GMT":   24 * time.Hour,
		"Friday, 02-Jan-26 03:05:05 GMT":  time.Minute,
		"9999999999999999999999999999999": 0,
	}
	for value, want := range tests {
		if got := postman.RetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestRedirects(t *testing.T) {
	var elsewhere *httptest.Server
	mux := http.NewServeMux()
	hop := func(path string, status int, location string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Location", location)
			w.WriteHeader(status)
		})
	}
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); r.Method != http.MethodPost || !bytes.Equal(body, parcel) {
			t.Errorf("%s with %d octets", r.Method, len(body))
		}
		w.WriteHeader(http.StatusAccepted)
	})
	hop("/relative", 307, "end")
	hop("/three", 308, "/two")
	hop("/two", 307, "/relative")
	hop("/four", 307, "/three")
	hop("/loop", 308, "/loop")
	hop("/bad", 307, "http://[::1")
	hop("/plain", 307, "http://public.test/")
	hop("/file", 307, "file:///etc/passwd")
	hop("/private", 307, "https://10.0.0.1/")
	hop("/metadata", 308, "https://169.254.169.254/latest")
	hop("/302", 302, "/end")
	server := receive(t, mux.ServeHTTP)
	elsewhere = receive(t, func(w http.ResponseWriter, _ *http.Request) { t.Error("reached what is not public") })
	hop("/elsewhere", 307, elsewhere.URL)
	hop("/nowhere", 307, "")
	tests := map[string]struct {
		verdict pohttp.Verdict
		cause   string
	}{
		"/relative":  {pohttp.Done, ""},
		"/three":     {pohttp.Done, ""},
		"/four":      {pohttp.Later, "more than 3 redirects"},
		"/loop":      {pohttp.Later, "more than 3 redirects"},
		"/bad":       {pohttp.Later, "no URL"},
		"/plain":     {pohttp.Later, "redirect to http is not allowed"},
		"/file":      {pohttp.Later, "without host"},
		"/private":   {pohttp.Later, "not a public address: 10.0.0.1"},
		"/metadata":  {pohttp.Later, "not a public address: 169.254.169.254"},
		"/elsewhere": {pohttp.Later, "not a public address: 127.0.0.1"},
		"/nowhere":   {pohttp.Later, "without a location"},
		"/302":       {pohttp.Later, "302"},
	}
	for path, want := range tests {
		got := client(t, server.URL+path, server, elsewhere).Deliver(t.Context(), "a.test", parcel)
		if got.Verdict != want.verdict || !strings.Contains(got.Cause, want.cause) {
			t.Errorf("%s: %+v, want %v %q", path, got, want.verdict, want.cause)
		}
	}
}

// TestBrokenServers are those that never give an answer.
func TestBrokenServers(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	tests := map[string]struct {
		handler http.HandlerFunc
		cause   string
	}{
		"hangs": {func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}, "too slow"},
		"reset":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
		"slow head": {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "too slow"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := receive(t, tt.handler)
			override, _ := postman.ParseOverride("a.test=" + server.URL)
			c := newClient(t, postman.Options{
				Overrides: []postman.Override{override}, Roots: roots(server),
				Timeout: func(int) time.Duration { return 300 * time.Millisecond },
			})
			got := c.Deliver(t.Context(), "a.test", parcel)
			if got.Verdict != pohttp.Later || got.Stage != pohttp.StageRequest || !strings.Contains(got.Cause, tt.cause) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestSlowAnswerBody has the verdict, though the rest of the answer never ends.
func TestSlowAnswerBody(t *testing.T) {
	server := receive(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte("more")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	})
	if got := client(t, server.URL, server).Deliver(t.Context(), "a.test", parcel); got.Verdict != pohttp.Done {
		t.Errorf("%+v", got)
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	got := client(t, url).Deliver(t.Context(), "a.test", parcel)
	if got.Verdict != pohttp.Later || got.Stage != pohttp.StageConnect || got.Cause == "" {
		t.Errorf("%+v", got)
	}
}

func TestWrongCertificates(t *testing.T) {
	server := receive(t, func(http.ResponseWriter, *http.Request) { t.Error("reached") })
	untrusted := client(t, server.URL).Deliver(t.Context(), "a.test", parcel)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	anotherName := client(t, "https://localhost:"+port, server).Deliver(t.Context(), "a.test", parcel)
	for name, got := range map[string]pohttp.Result{"untrusted": untrusted, "another name": anotherName} {
		if got.Verdict != pohttp.Later || !strings.Contains(got.Cause, "x509") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestConnectionsAreReused posts many parcels over one connection.
func TestConnectionsAreReused(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS() // HTTP/1.1
	t.Cleanup(server.Close)
	c := client(t, server.URL, server)
	for range 20 {
		if got := c.Deliver(t.Context(), "a.test", parcel); got.Verdict != pohttp.Done {
			t.Fatalf("%+v", got)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// lookup is a [postman.Lookup].
type lookup func(name string) ([]resolver.Target, error)

func (l lookup) LookupSRV(_ context.Context, name string) ([]resolver.Target, error) { return l(name) }

// TestByServiceRecord finds the server by DNS: SNI and Host are the target's.
func TestByServiceRecord(t *testing.T) {
	var host, sni string
	server := receive(t, func(w http.ResponseWriter, r *http.Request) {
		host, sni = r.Host, r.TLS.ServerName
		w.WriteHeader(http.StatusAccepted)
	})
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	ns := resolvertest.Start(t, func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Name != "_awala-pdc._tcp.awala.test." {
			return resolvertest.Denial(q, 1)
		}
		return resolvertest.Reply(q, "_awala-pdc._tcp.awala.test. 60 IN SRV 1 0 "+port+" 127.0.0.1.",
			"_awala-pdc._tcp.awala.test. 60 IN SRV 0 0 9 127.0.0.1.") // preferred, and closed
	})
	defer ns.Client.CloseIdleConnections()
	cache := resolver.NewCache(resolver.New(resolver.NewDoH(ns.URL, ns.Client)), 0, nil)
	c := newClient(t, postman.Options{Lookup: cache, AllowPrivate: true, Roots: roots(server)})
	for range 2 {
		if got := c.Deliver(t.Context(), "Awala.test.", parcel); got.Verdict != pohttp.Done {
			t.Fatalf("%+v", got)
		}
	}
	if want := "127.0.0.1:" + port; host != want {
		t.Errorf("host %s, want %s", host, want)
	}
	if sni != "" { // an IP address is no server name (RFC 6066 §3)
		t.Errorf("server name %q", sni)
	}
	if asked := ns.Questions(); len(asked) != 1 {
		t.Errorf("asked for %v", asked)
	}
	// Without service records the name itself is the server, which is not there.
	got := c.Deliver(t.Context(), "other.invalid", parcel)
	if got.Verdict != pohttp.Later || got.Target != "https://other.invalid/" {
		t.Errorf("%+v", got)
	}
}

func TestDNSFailuresAreForLater(t *testing.T) {
	tests := map[string]struct {
		targets []resolver.Target
		err     error
		cause   string
	}{
		"insecure":    {nil, resolver.ErrInsecure, "DNSSEC"},
		"no answer":   {nil, errors.New("timeout"), "timeout"},
		"not offered": {[]resolver.Target{{}}, nil, "does not offer"},
	}
	for name, tt := range tests {
		c := newClient(t, postman.Options{Lookup: lookup(func(string) ([]resolver.Target, error) { return tt.targets, tt.err })})
		got := c.Deliver(t.Context(), "a.test", parcel)
		if got.Verdict != pohttp.Later || got.Stage != pohttp.StageDNS || !strings.Contains(got.Cause, tt.cause) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestRebinding has DNS name a public host first and then a private one: what
// counts is the address that is dialled.
func TestRebinding(t *testing.T) {
	server := receive(t, func(http.ResponseWriter, *http.Request) { t.Error("reached what is not public") })
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	number, _ := strconv.ParseUint(port, 10, 16)
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		c := newClient(t, postman.Options{Roots: roots(server), Lookup: lookup(func(string) ([]resolver.Target, error) {
			return []resolver.Target{{Host: host, Port: uint16(number)}}, nil
		})})
		got := c.Deliver(t.Context(), "a.test", parcel)
		if got.Verdict != pohttp.Later || !strings.Contains(got.Cause, "not a public address") {
			t.Errorf("%s: %+v", host, got)
		}
	}
}
