package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

// TestRestoreOfOneInstant takes a copy of a standalone gateway's folder under traffic,
// at one instant, as a snapshot of its file system does: the process stands still
// meanwhile. A gateway that is started on the copy is the same one, hands out all that
// was accepted before, and nothing whose acknowledgement was kept before. Its history
// is the one that was signed, and its projections are the history's.
func TestRestoreOfOneInstant(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three gateways")
	}
	t.Parallel()
	dir, copied := t.TempDir(), t.TempDir()
	load := newKillLoad(t, process.StartStandalone(t, dir))
	gateway := process.StartStandalone(t, dir)
	var before *ledger
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { load.send(ctx, t, gateway, true) })
	}
	clients.Go(func() {
		// It ends with the gateway. The other recipients collect nothing.
		_ = load.collect(ctx, load.gateways[0].At(clientOf(t, gateway)), powebclient.KeepAlive)
	})
	within(t, time.Minute, "some parcels are collected", func() bool { return load.confirmations() > 20 })
	signed := t.TempDir()
	command(t, "events", "checkpoint", "--admin", gateway.URL("admin"), "--out", signed)
	frozen(t, gateway, func() {
		before = load.copy()
		if out, err := exec.Command("cp", "-a", filepath.Join(dir, "data"), copied).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	})
	within(t, time.Minute, "traffic goes on", func() bool { return load.acceptances() > len(before.accepted)+20 })
	cancel()
	gateway.Kill()
	clients.Wait()

	restored := process.StartStandalone(t, copied)
	if restored.NodeID != gateway.NodeID {
		t.Errorf("%s came back as %s", gateway.NodeID, restored.NodeID)
	}
	load.ledger = before
	load.collectAll(t, restored)
	load.account(t, 0)
	checkRestored(t, restored, signed)
}

// checkRestored holds the history to what was signed before, and the projections to
// the history, as an operator does.
func checkRestored(t *testing.T, gateway *process.Standalone, signed string) {
	t.Helper()
	admin := gateway.URL("admin")
	notes, err := filepath.Glob(filepath.Join(signed, "*.checkpoint"))
	if err != nil || len(notes) == 0 {
		t.Fatalf("%q, %v", notes, err)
	}
	command(t, "events", "verify", "--admin", admin, "--extends", strings.Join(notes, ","))
	models := json.NewDecoder(strings.NewReader(command(t, "projections", "list", "--admin", admin, "--json")))
	for n := 0; ; n++ {
		var model struct{ Name string }
		if err := models.Decode(&model); err != nil {
			if !errors.Is(err, io.EOF) || n == 0 {
				t.Errorf("%d projections, then %v", n, err)
			}
			break
		}
		command(t, "projections", "verify", model.Name, "--admin", admin)
	}
	if parked := command(t, "parked", "list", "--admin", admin, "--json"); parked != "" {
		t.Errorf("parked: %s", parked)
	}
}

// command runs the binary, and returns what it says.
func command(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := process.Binary()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(binary, args...)
	run.Stderr = os.Stderr
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// frozen has a process stand still, as a whole, meanwhile.
func frozen(t *testing.T, gateway *process.Standalone, meanwhile func()) {
	t.Helper()
	if err := syscall.Kill(gateway.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(gateway.PID, syscall.SIGCONT) }()
	within(t, 10*time.Second, "every thread stands still", func() bool {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", gateway.PID))
		if err != nil {
			t.Fatal(err)
		}
		for _, stat := range stats {
			text, err := os.ReadFile(stat)
			_, state, _ := strings.Cut(string(text), ") ")
			if err == nil && !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return len(stats) > 0
	})
	meanwhile()
}

// copy returns the ledger as it is now.
func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &ledger{accepted: maps.Clone(l.accepted), received: maps.Clone(l.received), confirmed: maps.Clone(l.confirmed)}
}

func (l *ledger) confirmations() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.confirmed)
}

func (l *ledger) acceptances() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}
