package process

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// StartRole starts a process of one role, such as "poweb" or "worker projections",
// with ports of its own on the given services, and returns when it is ready. It runs
// within the bound, if there is one.
func StartRole(t testing.TB, services *Services, bound *Bound, role []string, flags ...string) *Standalone {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	readyFile := filepath.Join(t.TempDir(), "ready.json")
	args := append([]string{binary}, role...)
	args = append(args, "--config", services.Config, "--ready-file", readyFile, "--admin-listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "warn")
	line := bound.command(append(args, flags...))
	s := &Standalone{cmd: exec.Command(line[0], line[1:]...), log: &lockedBuffer{}, exited: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.start(t, readyFile)
	return s
}

// Exited is closed when the process has ended.
func (s *Standalone) Exited() <-chan struct{} { return s.exited }
