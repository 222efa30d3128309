package gateway_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"awala.network/gateway/internal/config"
)

// TestAdminServerWantsTheToken asks a whole gateway for everything that its admin
// server says it has, with the token and with none. One wrong token is enough: who
// shows ten is made to wait.
func TestAdminServerWantsTheToken(t *testing.T) {
	const token = "0123456789abcdef0123456789abcdef"
	for _, protectMetrics := range []bool{false, true} {
		c := settings(t.TempDir())
		c.Admin.Access.Token, c.Admin.Profiles, c.Admin.ProtectMetrics = token, true, config.Switch(protectMetrics)
		g := start(t, c)
		a := adminAsker{t, "http://" + g.Info().Servers["admin"]}
		status, index := a.ask("GET", "/", token)
		if status != http.StatusOK {
			t.Fatal(status, index)
		}
		open := map[string]bool{"/healthz": true, "/readyz": true, "/metrics": !protectMetrics}
		routes := regexp.MustCompile(`(?m)^(/\S+)(?: \((.*)\))?$`).FindAllStringSubmatch(index, -1)
		if len(routes) < 12 {
			t.Errorf("only %d routes in %s", len(routes), index)
		}
		for _, route := range append(routes, []string{"", "/", ""}, []string{"", "/debug/pprof/", ""}, []string{"", "/events/key", ""}, []string{"", "/console/login", ""}) {
			path, methods := route[1], strings.Split(route[2], ", ")
			if route[2] == "" {
				methods = []string{"GET"}
			}
			for _, method := range methods {
				a.wants(method, path, token, open[path] || path == "/console/login")
			}
		}
		if status, _ := a.ask("GET", "/events/key", "another-token-of-some-length"); status != http.StatusUnauthorized {
			t.Errorf("with another token: %d", status)
		}
		stop(t, g)
	}
}

type adminAsker struct {
	t    *testing.T
	base string
}

// wants holds a route to being for those with the token only, or for everybody.
func (a adminAsker) wants(method, path, token string, open bool) {
	status, _ := a.ask(method, path, "")
	// A browser is led to where it can log in.
	refused := status == http.StatusUnauthorized || strings.HasPrefix(path, "/console") && status == http.StatusSeeOther
	if refused == open {
		a.t.Errorf("%s %s without a token: %d", method, path, status)
	}
	if status, body := a.ask(method, path, token); status == http.StatusUnauthorized || status >= 500 {
		a.t.Errorf("%s %s with the token: %d %s", method, path, status, body)
	}
}

func (a adminAsker) ask(method, path, token string) (status int, body string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, http.NoBody)
	if err != nil {
		a.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
