package admin_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"awala.network/gateway/internal/admin"
)

func relayed(t *testing.T, r *admin.Relay, method, path, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://admin"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// TestRelay shows that a part of this process answers by itself, and that peers are
// asked, with the token, for what it does not have.
func TestRelay(t *testing.T) {
	echo := func(name string, status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.Join([]string{name, r.Method, r.URL.RequestURI(), string(body), r.Header.Get("Authorization")}, "|"))
		})
	}
	misdirected := httptest.NewServer(echo("a", http.StatusMisdirectedRequest))
	defer misdirected.Close()
	knows := httptest.NewServer(echo("b", http.StatusOK))
	defer knows.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	here, empty := &admin.Mount{Path: "/here"}, &admin.Mount{Path: "/empty"}
	here.Fill(echo("local", http.StatusTeapot))
	relay := &admin.Relay{
		Local: []*admin.Mount{here, empty}, Peers: []string{gone.URL, misdirected.URL, knows.URL}, Token: "secret",
		Remote: &http.Transport{DisableKeepAlives: true},
	}
	for _, tt := range []struct {
		path   string
		status int
		body   string
	}{
		{"/here/x?y=1", http.StatusTeapot, "local|POST|/here/x?y=1|data|"},
		{"/empty", http.StatusOK, "b|POST|/empty|data|Bearer secret"},
		{"/unknown", http.StatusOK, "b|POST|/unknown|data|Bearer secret"},
	} {
		if answer, body := relayed(t, relay, "POST", tt.path, "data"); answer.StatusCode != tt.status || body != tt.body {
			t.Errorf("%s: %d %s", tt.path, answer.StatusCode, body)
		}
	}
	relay.Peers = nil
	if answer, body := relayed(t, relay, "GET", "/empty", ""); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "/empty") {
		t.Errorf("nobody has it: %d %s", answer.StatusCode, body)
	}
}

// TestRelayStreams shows that what a part writes is read at once, that it is stopped
// when nobody reads any more, and that its panic harms nobody.
func TestRelayStreams(t *testing.T) {
	ended := make(chan error)
	lines := &admin.Mount{Path: "/lines"}
	lines.Fill(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for err == nil {
			_, err = io.WriteString(w, "line\n")
		}
		ended <- err
	}))
	panics := &admin.Mount{Path: "/panics"}
	panics.Fill(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("no") }))
	relay := &admin.Relay{Local: []*admin.Mount{lines, panics}}
	request := httptest.NewRequest("GET", "http://admin/lines", nil)
	answer, err := relay.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); line != "line\n" || err != nil {
		t.Error(line, err)
	}
	_ = answer.Body.Close()
	if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	answer, err = relay.RoundTrip(httptest.NewRequest("GET", "http://admin/panics", nil))
	if err != nil || answer.StatusCode != http.StatusInternalServerError {
		t.Fatal(answer, err)
	}
	if _, err := io.ReadAll(answer.Body); err == nil {
		t.Error("a panic looks like an answer")
	}
}
