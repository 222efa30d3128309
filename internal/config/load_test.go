package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"awala.network/gateway/internal/config"
)

// sources are those of a command line, an environment and a file; the file's
// path is filled in where an argument or a variable says =FILE.
func sources(t *testing.T, file string, args, environ []string) (src config.Sources, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gw.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	replace := func(in []string) []string {
		out := make([]string, len(in))
		for i, s := range in {
			out[i] = strings.Replace(s, "=FILE", "="+path, 1)
		}
		return out
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.RegisterFlags(flags, new(config.Config))
	if err := flags.Parse(replace(args)); err != nil {
		t.Fatal(err)
	}
	return config.Sources{Flags: flags, Environ: replace(environ)}, path
}

func TestPrecedence(t *testing.T) {
	const file = "poweb-listen: 10.0.0.1:1\npohttp-listen: 10.0.0.1:2\ncogrpc-listen: off\nstorage-limit: 5\n"
	src, _ := sources(t, file,
		[]string{"--config=FILE", "--poweb-listen=10.0.0.3:1"},
		[]string{"AWALA_POWEB_LISTEN=10.0.0.2:1", "AWALA_POHTTP_LISTEN=10.0.0.2:2", "PATH=/bin"})
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.PoWeb.Listen = "10.0.0.3:1"  // flag over environment over file
	want.PoHTTP.Listen = "10.0.0.2:2" // environment over file
	want.CogRPC.Listen = config.Off   // file over default
	want.Standalone.StorageLimit = 5
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestFileNamedByTheEnvironment(t *testing.T) {
	src, _ := sources(t, "internet-address: GW.Example.ORG.\n", nil, []string{"AWALA_CONFIG=FILE"})
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Gateway.InternetAddress; got != "gw.example.org" {
		t.Errorf("internet address %q", got)
	}
}

func TestErrorsAreOneClearLine(t *testing.T) {
	tests := map[string]struct {
		file          string
		args, environ []string
		want          string
	}{
		"flag": {
			args: []string{"--poweb-listen=foo"},
			want: `--poweb-listen "foo": want HOST:PORT or off`,
		},
		"environment": {
			environ: []string{"AWALA_POHTTP_LISTEN=127.0.0.1:99999"},
			want:    `AWALA_POHTTP_LISTEN "127.0.0.1:99999": want HOST:PORT with a port from 0 to 65535, or off`,
		},
		"file": {
			file: "log-level: loud", args: []string{"--config=FILE"},
			want: `FILE: log-level "loud": want debug, info, warn or error`,
		},
		"unknown key": {
			file: "powweb-listen: 127.0.0.1:1", args: []string{"--config=FILE"},
			want: `FILE: unknown setting "powweb-listen"; did you mean "poweb-listen"?`,
		},
		"unknown key like nothing": {
			file: "zzz: 1", args: []string{"--config=FILE"},
			want: `FILE: unknown setting "zzz"`,
		},
		"nested value": {
			file: "poweb-listen:\n  host: a", args: []string{"--config=FILE"},
			want: `FILE: poweb-listen: want a single value (quote it if it is text)`,
		},
		"empty value in file": {
			file: "poweb-listen:", args: []string{"--config=FILE"},
			want: `FILE: poweb-listen: want a value, found none`,
		},
		"repeated key": {
			file: "log-level: info\nlog-level: warn", args: []string{"--config=FILE"},
			want: `--config "FILE": yaml: unmarshal errors: line 2: mapping key "log-level" already defined at line 1`,
		},
		"not YAML": {
			file: "\t", environ: []string{"AWALA_CONFIG=FILE"},
			want: `AWALA_CONFIG "FILE": yaml: found character that cannot start any token`,
		},
		"missing file": {
			args: []string{"--config=FILE.missing"},
			want: `--config "FILE.missing": open FILE.missing: no such file or directory`,
		},
		"password in a URL": {
			args: []string{"--nats-url=nats://u:s3cret@a"},
			want: `--nats-url: give the user with --nats-user and --nats-password`,
		},
		"same address twice": {
			args: []string{"--poweb-listen=127.0.0.1:9", "--admin-listen=127.0.0.1:9"},
			want: `--admin-listen "127.0.0.1:9": is taken by --poweb-listen`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src, path := sources(t, tt.file, tt.args, tt.environ)
			_, err := config.Load(src)
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPortZeroMayRepeat(t *testing.T) {
	src, _ := sources(t, "", []string{"--poweb-listen=127.0.0.1:0", "--pohttp-listen=127.0.0.1:0"}, nil)
	if _, err := config.Load(src); err != nil {
		t.Error(err)
	}
}

func TestUnknownVariables(t *testing.T) {
	src := config.Sources{Environ: []string{
		"AWALA_POWEB_LISTEN=127.0.0.1:1", "AWALA_POWEB_LISTN=x", "AWALA_CONFIG=", "HOME=/",
		"AWALA_POWEB_PORT=tcp://10.0.0.1:80", "AWALA_POWEB_SERVICE_HOST=10.0.0.1", "AWALA_POWEB_PORT_80_TCP=x",
		"AWALA_TEST_MONGODB_URI=x",
	}}
	if diff := cmp.Diff([]string{"AWALA_POWEB_LISTN"}, src.Unknown()); diff != "" {
		t.Error(diff)
	}
}

// TestWriteReadsBack is the round trip of "config print".
func TestWriteReadsBack(t *testing.T) {
	src, _ := sources(t, "", []string{"--storage-limit=3GB", "--ready-file=/tmp/a: #b", "--log-level=warn"}, nil)
	want, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := want.Write(&b); err != nil {
		t.Fatal(err)
	}
	src, _ = sources(t, b.String(), []string{"--config=FILE"}, nil)
	got, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestExampleIsTheDefaults reads the example with every setting uncommented.
func TestExampleIsTheDefaults(t *testing.T) {
	var b bytes.Buffer
	if err := config.WriteExample(&b); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			lines = append(lines, line[1:])
		}
	}
	if want := len(config.Options(new(config.Config))); len(lines) != want {
		t.Fatalf("%d settings in the example, want %d", len(lines), want)
	}
	src, _ := sources(t, strings.Join(lines, ""), []string{"--config=FILE"}, nil)
	got, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Error(diff)
	}
}

// TestOptionsAreComplete holds every field to its tags.
func TestOptionsAreComplete(t *testing.T) {
	seen := make(map[string]bool)
	for _, o := range config.Options(new(config.Config)) {
		if o.Name == "" || o.Usage == "" || o.Value.Type() == "" {
			t.Errorf("incomplete option %+v", o)
		}
		if seen[o.Name] {
			t.Errorf("option %s twice", o.Name)
		}
		seen[o.Name] = true
	}
}

func TestRemoteRolesNameWhatIsMissing(t *testing.T) {
	given := []string{
		"--s3-bucket=b", "--s3-access-key=a", "--s3-secret-key=s", "--mongodb-uri=mongodb://m", "--vault-token=t", "--nats-assume-sync",
	}
	for missing := range given {
		args := slices.Concat(given[:missing], given[missing+1:])
		src, _ := sources(t, "", args, nil)
		c, err := config.Load(src)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(given[missing], "=")
		if err := c.CheckRemote(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	src, _ := sources(t, "", given, nil)
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckRemote(); err != nil {
		t.Error(err)
	}
}
