package corejs

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fields is what the library says of a message, as read.js names it.
type fields map[string]any

// entry tells read.js how to read a file.
type entry struct {
	File          string   `json:"file"`
	Kind          string   `json:"kind"`
	Trusted       []string `json:"trusted,omitempty"`
	Intermediates []string `json:"intermediates,omitempty"`
	SessionKey    string   `json:"sessionKey,omitempty"`
	GatewayKey    string   `json:"gatewayKey,omitempty"`
	Signed        string   `json:"signed,omitempty"`
}

// verdict is what the library makes of a file.
type verdict struct {
	OK     bool   `json:"ok"`
	Fields fields `json:"fields"`
	Error  string `json:"error"`
}

// folder collects messages, and what the library should make of them.
type folder struct {
	t       *testing.T
	path    string
	entries []entry
	want    map[string]fields // nil fields: must be refused
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	return &folder{t: t, path: t.TempDir(), want: map[string]fields{}}
}

// put writes a file without asking for it to be read, and returns its name.
func (f *folder) put(name string, octets []byte) string {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.path, name), octets, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return name
}

// add writes a message that the library must read as want, or refuse if want is
// nil.
func (f *folder) add(e entry, octets []byte, want fields) {
	f.t.Helper()
	f.put(e.File, octets)
	f.entries = append(f.entries, e)
	f.want[e.File] = want
}

// read has the library read the folder.
func (f *folder) read() map[string]verdict {
	f.t.Helper()
	manifest, err := json.Marshal(f.entries)
	if err != nil {
		f.t.Fatal(err)
	}
	f.put("manifest.json", manifest)
	output, err := run(f.t, "node", "read.js", f.path)
	if err != nil {
		f.t.Fatalf("read.js: %v", err)
	}
	var verdicts map[string]verdict
	if err := json.Unmarshal(output, &verdicts); err != nil {
		f.t.Fatalf("output of read.js: %v", err)
	}
	return verdicts
}

// run runs a program in this folder and returns its standard output.
func run(t *testing.T, name string, arguments ...string) ([]byte, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Stderr = os.Stderr
	return command.Output()
}

// install fetches the library if that was not done before. A machine without
// Node.js fails the tests rather than skipping them, unless in short mode.
func install(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs Node.js")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("Node.js has to be installed for this test: %v", err)
	}
	if _, err := os.Stat("node_modules"); err == nil {
		return
	}
	if output, err := run(t, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, output)
	}
}

func digest(octets []byte) string { return fmt.Sprintf("%x", sha256.Sum256(octets)) }
