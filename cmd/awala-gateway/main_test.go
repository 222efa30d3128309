package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRefusals holds every command to one clear line on stderr and exit code 2
// for what it does not understand, with nothing started.
func TestRefusals(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, "gw.yaml")
	if err := os.WriteFile(file, []byte("powebb-listen: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args, environ []string
		want          string
	}{
		"value of a flag": {
			args: []string{"standalone", "--poweb-listen", "foo"},
			want: `awala-gateway: --poweb-listen "foo": want HOST:PORT or off`,
		},
		"value of a variable": {
			args: []string{"standalone"}, environ: []string{"AWALA_LOG_LEVEL=chatty"},
			want: `awala-gateway: AWALA_LOG_LEVEL "chatty": want debug, info, warn or error`,
		},
		"key of the file": {
			args: []string{"standalone", "--config", file},
			want: `awala-gateway: ` + file + `: unknown setting "powebb-listen"; did you mean "poweb-listen"?`,
		},
		"unknown flag": {
			args: []string{"standalone", "--datadir", "x"},
			want: `awala-gateway: unknown flag: --datadir`,
		},
		"unknown command": {
			args: []string{"standalon"},
			want: `awala-gateway: unknown command "standalon" for "awala-gateway"`,
		},
		"stray argument": {
			args: []string{"standalone", "x"},
			want: `awala-gateway: unknown command "x" for "awala-gateway standalone"`,
		},
		"missing argument": {
			args: []string{"projections", "status"},
			want: `awala-gateway: want: awala-gateway projections status NAME [flags]`,
		},
		"config check": {
			args: []string{"config", "check", "--internet-address", "a b"},
			want: `awala-gateway: --internet-address "a b": want a host name such as gw.example.com`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(tt.args, append(tt.environ, "AWALA_DATA_DIR="+data), &stdout, &stderr)
			if code != exitUsage || stdout.Len() > 0 || stderr.String() != tt.want+"\n" {
				t.Errorf("exit %d, stdout %q\ngot  %swant %s", code, &stdout, &stderr, tt.want)
			}
		})
	}
}

func TestConfigCommands(t *testing.T) {
	execute := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(args, []string{"AWALA_POWEB_LISTEM=x"}, &stdout, &stderr); code != exitOK {
			t.Fatalf("%v: exit %d, %s", args, code, &stderr)
		}
		return stdout.String() + stderr.String()
	}
	example := execute("config", "example")
	file := filepath.Join(t.TempDir(), "gw.yaml")
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := execute("config", "check", "--config", file); !strings.Contains(got, "ok\n") ||
		!strings.Contains(got, "AWALA_POWEB_LISTEM: no such setting, ignored") {
		t.Errorf("check: %s", got)
	}
	if got := execute("config", "print", "--poweb-listen", "off"); !strings.Contains(got, `poweb-listen: "off"`) {
		t.Errorf("print: %s", got)
	}
}

func TestVersionAndHelp(t *testing.T) {
	for _, args := range [][]string{{"version"}, {}, {"--help"}, {"standalone", "--help"}, {"completion", "bash"}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, nil, &stdout, &stderr); code != exitOK || stdout.Len() == 0 || stderr.Len() > 0 {
			t.Errorf("%v: exit %d, stderr %q", args, code, &stderr)
		}
	}
}
