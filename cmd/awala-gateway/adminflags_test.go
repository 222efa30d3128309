package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsShowTheToken runs a command of each kind against an admin server that
// wants a token, which comes from a flag, a file, the environment and a
// configuration file.
func TestCommandsShowTheToken(t *testing.T) {
	const token = "0123456789abcdef"
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "this server wants a token", http.StatusUnauthorized)
			return
		}
		asked = append(asked, r.URL.Path)
		http.Error(w, "that will do", http.StatusTeapot)
	}))
	defer server.Close()
	dir := t.TempDir()
	secret, settings := filepath.Join(dir, "token"), filepath.Join(dir, "config.yaml")
	for path, content := range map[string]string{secret: token + "\n", settings: "admin-token-file: " + secret + "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		path    string
		args    []string
		environ []string
	}{
		{"/status", []string{"status", "--admin-token", token}, nil},
		{"/queue/destinations", []string{"queue", "stats", "--admin-token-file", secret}, nil},
		{"/parked", []string{"parked", "list"}, []string{"AWALA_ADMIN_TOKEN=" + token}},
		{"/projections", []string{"projections", "list", "--config", settings}, nil},
		{"/events/streams", []string{"events", "streams"}, []string{"AWALA_ADMIN_TOKEN_FILE=" + secret}},
		{"/keys/rotate-certificate", []string{"keys", "rotate-certificate"}, []string{"AWALA_CONFIG=" + settings}},
	}
	for _, tt := range tests {
		asked = nil
		var stdout, stderr bytes.Buffer
		code := run(tt.args, append(tt.environ, "AWALA_ADMIN="+server.URL), &stdout, &stderr)
		if code != exitFailed || !strings.Contains(stderr.String(), "that will do") || len(asked) != 1 || asked[0] != tt.path {
			t.Errorf("%q: exit code %d, asked for %q: %s", tt.args, code, asked, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"status", "--admin", server.URL}, nil, &stdout, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "wants a token") {
		t.Errorf("without a token: %d %s", code, &stderr)
	}
}
