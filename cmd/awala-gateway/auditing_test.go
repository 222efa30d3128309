package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
)

// runMain makes the test's binary be awala-gateway, for scripts.
const runMain = "AWALA_GATEWAY_TEST_RUN_MAIN"

func init() {
	if os.Getenv(runMain) != "" {
		os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
	}
}

// block is a fenced block of a page.
type block struct{ language, text string }

func blocks(t *testing.T, name string) []block {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var found []block
	for _, m := range regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		found = append(found, block{m[1], m[2]})
	}
	return found
}

// pattern returns the expression for a line of a page, in which … is anything.
func pattern(line string) *regexp.Regexp {
	parts := strings.Split(line, "…")
	for i := range parts {
		parts[i] = strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(parts[i])), "  ", " +")
	}
	return regexp.MustCompile(`(?m)^\s*` + strings.Join(parts, `.*`) + `\s*$`)
}

// seedYesterday records, before the gateway's first start, a parcel that came two days
// ago and was collected today, by a clock that is a minute ahead: so it is today also if
// the test begins just before midnight.
func seedYesterday(t *testing.T, dir string) {
	t.Helper()
	c := config.Default()
	c.Standalone.DataDir = config.Path(dir)
	options := gateway.Options{Kind: gateway.Standalone(), Config: c, Logger: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar)}
	log, closeLog, err := gateway.OpenHistory(t.Context(), options, false)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	key := events.ParcelKey{SenderID: "0a", RecipientID: "0b", ParcelID: "long-ago"}
	accepted := events.New("", "poweb", now.Add(-48*time.Hour), events.GatewayParcelAccepted{
		ParcelKey:  key,
		ParcelBlob: events.ParcelBlob{BlobKey: "parcels/gateway-bound/0c/x", Size: 1234, CreatedAt: now.Add(-48 * time.Hour), ExpiresAt: now.Add(48 * time.Hour)},

		PrivateGatewayID: "0c", Via: events.ViaPoWeb,
	})
	end := events.GatewayParcelEnd{ParcelKey: key, PrivateGatewayID: "0c", AcceptedID: accepted.ID, BlobKey: "parcels/gateway-bound/0c/x"}
	collected := events.Caused(accepted, "poweb", now.Add(time.Minute), events.GatewayParcelCollected{GatewayParcelEnd: end, Via: events.ViaPoWeb})
	secrets, err := sealed.Open(filepath.Join(dir, "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = secrets.Close() }()
	book := names.New(keystore.New(secrets))
	for _, e := range []events.Event{accepted, collected} {
		if e.Data, err = events.Seal(t.Context(), book, e.Data); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := closeLog(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestAuditorsWalkthrough runs the commands of docs/auditing.md, in their order,
// against a gateway with some traffic, and holds what they print to the page.
func TestAuditorsWalkthrough(t *testing.T) {
	data := t.TempDir()
	seedYesterday(t, data)
	stdout, stderr := &welcome{ready: make(chan struct{})}, &welcome{}
	exited := make(chan int, 1)
	go func() {
		exited <- run([]string{
			"standalone", "--data-dir", data, "--poweb-listen", "127.0.0.1:0", "--pohttp-listen", "127.0.0.1:0",
			"--cogrpc-listen", "off", "--admin-listen", "127.0.0.1:0",
		}, nil, stdout, stderr)
	}()
	select {
	case <-stdout.ready:
	case code := <-exited:
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	defer func() {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGTERM)
		<-exited
	}()
	tryIt := regexp.MustCompile(`(?m)^Try it: .* (ping --poweb \S+ --pohttp \S+ --cogrpc off)$`).FindStringSubmatch(stdout.String())
	admin := regexp.MustCompile(`Admin\s+(http://\S+)`).FindStringSubmatch(stdout.String())
	var report bytes.Buffer
	if code := run(strings.Fields(tryIt[1]), nil, &report, &report); code != exitOK {
		t.Fatal(&report)
	}
	page := blocks(t, filepath.Join("..", "..", "docs", "auditing.md"))
	outputs := runBlocks(t, page, admin[1])
	last := ""
	for _, b := range page {
		if b.language == "sh" {
			last, outputs = outputs[0], outputs[1:]
			continue
		}
		rest := last
		for line := range strings.Lines(b.text) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			at := pattern(line).FindStringIndex(rest)
			if at == nil {
				t.Errorf("no line %q in what is left of\n%s", strings.TrimSpace(line), last)
				break
			}
			rest = rest[at[1]:]
		}
	}
}

// runBlocks runs the shell blocks of a page as one script and returns what each
// printed.
func runBlocks(t *testing.T, page []block, admin string) []string {
	t.Helper()
	const mark = "@@@@"
	script := "set -eu\n"
	for _, b := range page {
		if b.language == "sh" {
			script += b.text + "echo " + mark + "\n"
		}
	}
	script = strings.ReplaceAll(script, defaultAdmin, admin)
	bin, work := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=1 exec %q \"$@\"\n", runMain, self)
	if err := os.WriteFile(filepath.Join(bin, "awala-gateway"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GOCOVERDIR="+work)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	parts := strings.Split(string(out), mark+"\n")
	return parts[:len(parts)-1]
}
