// Package process builds the awala-gateway binary and runs it as a process of
// its own, so that tests can judge what an operator would run: signals, exit
// codes, files that survive SIGKILL.
//
// Every process that it starts is ended, and waited for, when its test ends.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"awala.network/gateway/internal/gateway"
)

// readyWithin bounds the start of a process, on a busy machine, with services that are
// electing leaders.
const readyWithin = 90 * time.Second

// poll is how often an outside process is looked at.
const poll = 10 * time.Millisecond

// Binary builds awala-gateway once per test binary and returns its path. The
// build goes to the package's own temporary folder, removed with the process.
var Binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "awala-gateway-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "awala-gateway")
	build := exec.Command("go", "build", "-o", path, "awala.network/gateway/cmd/awala-gateway")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return path, nil
})

// Run runs a command of awala-gateway, with variables in its environment, to its end,
// and returns what it printed.
func Run(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	command := exec.Command(binary, args...)
	command.Env = append(os.Environ(), env...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// Standalone is a running gateway, or a process of one of its roles.
type Standalone struct {
	// Info is what the process said of itself when it became ready.
	gateway.Info
	// StartedIn is the time from the start of the process to readiness.
	StartedIn time.Duration
	// PID is the process's id.
	PID int

	cmd    *exec.Cmd
	log    *lockedBuffer
	exited chan struct{}
}

// StartStandalone starts a gateway on dir, with ports of its own, and returns
// when it is ready. The flags come after the defaults of the test.
func StartStandalone(t testing.TB, dir string, flags ...string) *Standalone {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	readyFile := readyFileIn(dir)
	if err := os.Remove(readyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	s := &Standalone{cmd: exec.Command(binary, standaloneArgs(dir, flags)...), log: &lockedBuffer{}, exited: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.start(t, readyFile)
	return s
}

func readyFileIn(dir string) string { return filepath.Join(dir, "ready.json") }

func standaloneArgs(dir string, flags []string) []string {
	return append([]string{
		"standalone", "--data-dir", filepath.Join(dir, "data"), "--ready-file", readyFileIn(dir),
		"--poweb-listen", "127.0.0.1:0", "--pohttp-listen", "127.0.0.1:0",
		"--cogrpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json",
	}, flags...)
}

// FailedStart starts a gateway on dir that is to end before it is ready, and returns what
// it wrote.
func FailedStart(t testing.TB, dir string, flags ...string) string {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, standaloneArgs(dir, flags)...).CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Errorf("it did not fail: %v", err)
	}
	return string(out)
}

func (s *Standalone) start(t testing.TB, readyFile string) {
	t.Helper()
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		defer close(s.exited)
		// How it ended is told by ProcessState.
		_ = s.cmd.Wait()
	}()
	t.Cleanup(s.Kill)
	if err := s.awaitReady(readyFile); err != nil {
		s.dump()
		t.Fatalf("%v\n%s", err, s.Log())
	}
	s.StartedIn = time.Since(began)
}

func (s *Standalone) awaitReady(readyFile string) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		body, err := os.ReadFile(readyFile)
		if err == nil {
			return json.Unmarshal(body, &s.Info)
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return errors.New("the process ended before it was ready")
		case <-ctx.Done():
			return errors.New("the process did not become ready in time")
		}
	}
}

// dump has the process write what its goroutines do, and end.
func (s *Standalone) dump() {
	// The only error is that it has ended.
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.exited:
	case <-time.After(5 * time.Second):
	}
}

// Kill ends the process with SIGKILL, if it still runs, and waits for its end.
func (s *Standalone) Kill() {
	// The only error is that it has ended.
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// Stop asks the process to stop with SIGTERM, and returns its exit code and how
// long it took. It fails the test after 15 s.
func (s *Standalone) Stop(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	select {
	case <-s.exited:
	case <-deadline.C:
		t.Fatalf("still running after SIGTERM\n%s", s.Log())
	}
	return s.cmd.ProcessState.ExitCode(), time.Since(began)
}

// Log returns what the process has written so far.
func (s *Standalone) Log() string { return s.log.String() }

// Address returns where one of the process's servers listens, HOST:PORT.
func (s *Standalone) Address(server string) string { return s.Servers[server] }

// URL returns the http:// URL of one of the process's servers.
func (s *Standalone) URL(server string) string { return "http://" + s.Servers[server] }

// lockedBuffer takes what a process writes while a test reads it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
