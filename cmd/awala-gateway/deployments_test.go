package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"

	"awala.network/gateway/internal/config"
)

const deployments = "../../deployments"

func readDeployment(t *testing.T, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{deployments}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// understands wants the binary to know the command line, and every variable.
func understands(t *testing.T, args []string, environ map[string]string) {
	t.Helper()
	command, rest, err := newRoot(nil).Find(args)
	if err != nil || command.HasSubCommands() {
		t.Errorf("%q: no such command: %v", args, err)
		return
	}
	if err := command.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", args, err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"config", "check"}, withSecrets(t, environ), &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("%q with %v: %s", args, environ, &stderr)
	}
}

// withSecrets returns the environment with a file for each variable that names one.
func withSecrets(t *testing.T, environ map[string]string) (list []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range environ {
		if strings.HasPrefix(name, config.EnvPrefix) && strings.HasSuffix(name, "_FILE") {
			value = file
		}
		if name != "AWALA_CONFIG" {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// TestComposeFile holds the Compose file to the commands and settings that there are.
func TestComposeFile(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Secrets     []any
			DependsOn   any `yaml:"depends_on"`
		}
		Secrets map[string]any
	}
	if err := yaml.Unmarshal(readDeployment(t, "compose", "compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	var ours []string
	for name, s := range file.Services {
		for _, secret := range s.Secrets {
			if m, long := secret.(map[string]any); long {
				secret = m["source"]
			}
			if _, ok := file.Secrets[fmt.Sprint(secret)]; !ok {
				t.Errorf("%s: no secret is called %v", name, secret)
			}
		}
		if s.Image != "awala-gateway" {
			continue
		}
		ours = append(ours, strings.Join(s.Command, " "))
		s.Environment["AWALA_INTERNET_ADDRESS"] = "gw.example.com" // Compose fills it in
		understands(t, s.Command, s.Environment)
		for variable, path := range s.Environment {
			if secret, ok := strings.CutPrefix(path, "/run/secrets/"); ok && !slices.Contains(s.Secrets, any(secret)) {
				t.Errorf("%s: %s names the secret %s, which it does not have", name, variable, secret)
			}
		}
	}
	slices.Sort(ours)
	want := append(remoteRoles(t), "init --remote")
	slices.Sort(want)
	if !slices.Equal(ours, want) {
		t.Errorf("the file runs %q, and there are %q", ours, want)
	}
}

// remoteRoles lists the command lines of the roles that are processes of their own.
func remoteRoles(t *testing.T) (roles []string) {
	t.Helper()
	roles = []string{"poweb", "pohttp", "cogrpc"}
	worker, _, err := newRoot(nil).Find([]string{"worker"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range worker.Commands() {
		roles = append(roles, "worker "+c.Name())
	}
	return roles
}

// TestComposeSetup runs setup.sh, and has the NATS servers' own parser read what they
// will read.
func TestComposeSetup(t *testing.T) {
	deployments := t.TempDir()
	dir := filepath.Join(deployments, "compose")
	for _, name := range [][2]string{{"compose", "setup.sh"}, {"compose", "nats.conf"}, {"nats", "permissions.conf"}} {
		if err := os.MkdirAll(filepath.Join(deployments, name[0]), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(deployments, name[0], name[1]), readDeployment(t, name[:]...), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it changes nothing
		if out, err := exec.Command("/bin/sh", filepath.Join(dir, "setup.sh")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	auth, err := os.ReadFile(filepath.Join(dir, "secrets", "nats-auth.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "auth.conf"), auth, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATS_NAME", "nats-1")
	o, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if !o.JetStream || !o.SyncAlways || o.MaxPayload < 1<<20 || o.ServerName != "nats-1" || len(o.Routes) != 3 ||
		o.SystemAccount != "SYS" || len(o.Users) != 3 {
		t.Errorf("%+v", o)
	}
	for _, u := range o.Users {
		if u.Permissions == nil {
			t.Errorf("%s may do everything", u.Username)
		}
	}
}

// TestContainer holds the image to the binary.
func TestContainer(t *testing.T) {
	text := string(readDeployment(t, "container", "Containerfile"))
	environ := map[string]string{}
	for _, m := range regexp.MustCompile(`(AWALA_[A-Z_]+)=(\S+)`).FindAllStringSubmatch(text, -1) {
		environ[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`(?m)CMD \[(.*)\]`).FindAllStringSubmatch(text, -1) {
		args := strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", ")
		understands(t, slices.DeleteFunc(args, func(a string) bool { return a == "/awala-gateway" }), environ)
	}
	if !strings.Contains(text, "\nUSER 65532:65532\n") || !strings.Contains(text, "\nFROM scratch\n") || len(environ) == 0 {
		t.Error("the image is not from scratch, runs as root, or has no settings")
	}
}

// TestSystemdUnits holds the units to the binary, and has systemd read them if it is
// there.
func TestSystemdUnits(t *testing.T) {
	units, err := filepath.Glob(deployments + "/systemd/*.service")
	if err != nil || len(units) != 3 {
		t.Fatalf("%q, %v", units, err)
	}
	dir := t.TempDir()
	var written []string
	for _, unit := range units {
		content, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		instances := map[string][]string{"awala-gateway.service": {""}, "awala-gateway@.service": {"poweb", "pohttp", "cogrpc"}}
		if strings.Contains(unit, "worker") {
			instances = map[string][]string{"awala-gateway-worker@.service": {"cargo", "delivery", "projections", "housekeeping"}}
		}
		for _, instance := range instances[filepath.Base(unit)] {
			checkUnit(t, strings.ReplaceAll(string(content), "%i", instance))
			name := filepath.Join(dir, strings.Replace(filepath.Base(unit), "@", "@"+instance, 1))
			runnable := strings.ReplaceAll(string(content), "/usr/local/bin/awala-gateway", "/bin/true")
			if err := os.WriteFile(name, []byte(runnable), 0o600); err != nil {
				t.Fatal(err)
			}
			written = append(written, name)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not there")
		return
	}
	if out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, written...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
	for _, unit := range written {
		// Exposure goes from 0 to 10, with ten times that as the threshold.
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", unit).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
}

func checkUnit(t *testing.T, unit string) {
	t.Helper()
	environ := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^Environment=(AWALA_[A-Z0-9_]+)=(.*)$`).FindAllStringSubmatch(unit, -1) {
		environ[m[1]] = m[2]
	}
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/awala-gateway (.*)$`).FindStringSubmatch(unit)
	if start == nil {
		t.Fatal("no ExecStart")
	}
	understands(t, strings.Fields(start[1]), environ)
	for _, needed := range []string{"NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "User=awala-gateway"} {
		if !strings.Contains(unit, needed) {
			t.Errorf("no %s", needed)
		}
	}
}

// TestChartValues holds the chart's values to the settings and commands.
func TestChartValues(t *testing.T) {
	var values struct {
		Config map[string]any
		Secret struct{ Keys []string }
		Roles  map[string]struct {
			Command []string
			Port    int
		}
	}
	if err := yaml.Unmarshal(readDeployment(t, "helm", "awala-gateway", "values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(values.Config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"config", "check", "--config", file}, nil, &stdout, &stderr); code != exitOK {
		t.Errorf("config: %s", &stderr)
	}
	environ := map[string]string{}
	for _, key := range values.Secret.Keys {
		environ["AWALA_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_"))+"_FILE"] = ""
	}
	var ours []string
	for _, role := range values.Roles {
		ours = append(ours, strings.Join(role.Command, " "))
		understands(t, role.Command, environ)
	}
	slices.Sort(ours)
	want := remoteRoles(t)
	slices.Sort(want)
	if !slices.Equal(ours, want) {
		t.Errorf("the chart runs %q, and there are %q", ours, want)
	}
}

// TestChartVariables looks at the variables that the templates name.
func TestChartVariables(t *testing.T) {
	known := map[string]bool{"AWALA_CONFIG": true}
	for _, o := range config.Options(new(config.Config)) {
		known[o.Env()] = true
	}
	templates, err := filepath.Glob(deployments + "/helm/awala-gateway/templates/*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, template := range templates {
		content, err := os.ReadFile(template)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`name: (AWALA_[A-Z0-9_]+)`).FindAllStringSubmatch(string(content), -1) {
			found[m[1]] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !known[name] {
			t.Errorf("no setting is called %s", name)
		}
	}
	if len(found) < 5 {
		t.Errorf("only %d variables found", len(found))
	}
}
