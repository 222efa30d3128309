package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

// TestCLIReference holds docs/cli.md to the commands.
func TestCLIReference(t *testing.T) {
	const file = "../../docs/cli.md"
	want := reference(newRoot(nil)).Markdown()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(have)); d != "" {
		t.Errorf("docs/cli.md is out of date: go test ./cmd/awala-gateway -run CLIReference -update (-want +have)\n%s", d)
	}
}

// TestManPages has groff read them, if it is there.
func TestManPages(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"man", folder}, nil, &stdout, &stderr); code != exitOK {
		t.Fatal(stderr.String())
	}
	pages, err := filepath.Glob(folder + "/*.1")
	if err != nil || len(pages) < 30 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	doctor, err := os.ReadFile(filepath.Join(folder, "awala-gateway-doctor.1"))
	if err != nil || !strings.Contains(string(doctor), "AWALA_VAULT_ADDRESS") {
		t.Errorf("%v: %.200s", err, doctor)
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not there")
	}
	out, err := exec.Command("groff", append([]string{"-man", "-Tutf8", "-ww", "-z"}, pages...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
