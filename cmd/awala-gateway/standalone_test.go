package main

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// welcome keeps what is written and tells when the gateway says that it is
// ready.
type welcome struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{}
	once  sync.Once
}

func (w *welcome) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if strings.Contains(w.text.String(), "is ready") {
		w.once.Do(func() { close(w.ready) })
	}
	return len(p), nil
}

func (w *welcome) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestStandaloneAndPing is a newcomer's first minute: start, read what to try,
// try it, and stop with a signal.
func TestStandaloneAndPing(t *testing.T) {
	stdout, stderr := &welcome{ready: make(chan struct{})}, &welcome{}
	exited := make(chan int, 1)
	go func() {
		exited <- run([]string{
			"standalone", "--data-dir", t.TempDir(), "--poweb-listen", "127.0.0.1:0", "--pohttp-listen", "127.0.0.1:0",
			"--cogrpc-listen", "off", "--admin-listen", "127.0.0.1:0",
		}, nil, stdout, stderr)
	}()
	select {
	case <-stdout.ready:
	case code := <-exited:
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	tryIt := regexp.MustCompile(`(?m)^Try it: .* (ping --poweb \S+ --pohttp \S+ --cogrpc off)$`).FindStringSubmatch(stdout.String())
	if tryIt == nil {
		t.Fatalf("nothing to try in\n%s", stdout)
	}
	var report, problems bytes.Buffer
	if code := run(strings.Fields(tryIt[1]), nil, &report, &problems); code != exitOK {
		t.Errorf("ping: exit %d\n%s%s", code, &report, &problems)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-exited; code != exitOK {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	problems.Reset()
	if code := run(strings.Fields(tryIt[1]), nil, &report, &problems); code != exitFailed ||
		!strings.HasPrefix(problems.String(), "awala-gateway: PoWeb server answers: ") {
		t.Errorf("ping of nobody: exit %d\n%s", code, &problems)
	}
}
