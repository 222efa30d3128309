package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// welcome keeps what is written and tells when the gateway says that it is ready, to a
// person or in its log.
type welcome struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan struct{}
	once  sync.Once
}

var saysReady = regexp.MustCompile(`is ready|"msg":"ready"`)

func (w *welcome) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.ready != nil && saysReady.MatchString(w.text.String()) {
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

// TestOnlyJSON shows that nothing but records is written where records are wanted: what
// collects the logs of containers reads both streams.
func TestOnlyJSON(t *testing.T) {
	both := &welcome{ready: make(chan struct{})}
	exited := make(chan int, 1)
	go func() {
		exited <- run([]string{
			"standalone", "--data-dir", t.TempDir(), "--poweb-listen", "127.0.0.1:0", "--pohttp-listen", "127.0.0.1:0",
			"--cogrpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json",
		}, nil, both, both)
	}()
	select {
	case <-both.ready:
	case code := <-exited:
		t.Fatalf("exit %d\n%s", code, both)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-exited; code != exitOK {
		t.Errorf("exit %d", code)
	}
	for line := range strings.Lines(both.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not a record: %s", line)
		}
	}
}
