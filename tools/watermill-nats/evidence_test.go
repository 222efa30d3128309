package watermillnats

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/internal/jetstream/faulttest"
)

// away is how long the scenario of that name stays away.
const away = 10 * time.Second

// ok is the outcome of a scenario that went well.
const ok = "ok"

// evidence is what each subscriber does in each scenario: ok, or part of what
// is reported.
var evidence = []struct{ subscriber, scenario, outcome string }{
	{"internal/jetstream", "poison message", ok},
	{"internal/jetstream", "repeated header", ok},
	{"internal/jetstream", "away and server restart", ok},
	{"internal/jetstream", "cancel mid-delivery", ok},
	{"internal/jetstream", "order per key with 32 in flight", ok},

	{"pkg/jetstream", "poison message", ok},
	{"pkg/jetstream", "repeated header", "the process died: panic: runtime error: invalid memory address or nil pointer"},
	{"pkg/jetstream", "away and server restart", "message 5: message 4 came in its place"},
	{"pkg/jetstream", "cancel mid-delivery", "the process died: panic: send on closed channel"},
	{"pkg/jetstream", "order per key with 32 in flight", "at most 1 messages were in flight, not 32"},

	{"pkg/nats", "poison message", ok},
	{"pkg/nats", "repeated header", "2 of 3 messages reached the handler"},
	{"pkg/nats", "away and server restart", ok},
	{"pkg/nats", "cancel mid-delivery", ok},
	{"pkg/nats", "order per key with 32 in flight", "at most 1 messages were in flight, not 32"},
}

// The child process finds its task in these variables. A subscriber that
// panics must not take the other scenarios with it.
const (
	taskSubscriber = "FAULTS_SUBSCRIBER"
	taskScenario   = "FAULTS_SCENARIO"
)

func TestMain(m *testing.M) {
	if subscriber := os.Getenv(taskSubscriber); subscriber != "" {
		os.Exit(child(subscriber, os.Getenv(taskScenario)))
	}
	os.Exit(m.Run())
}

func child(subscriber, name string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		fmt.Println(err)
		return 2
	}
	defer os.RemoveAll(dir)
	rig, err := faulttest.NewRig(ctx, dir, connects[subscriber])
	if err != nil {
		fmt.Println(err)
		return 2
	}
	for _, scenario := range faulttest.Scenarios(away) {
		if scenario.Name != name {
			continue
		}
		if err := scenario.Run(ctx, rig); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

func TestEvidence(t *testing.T) {
	for _, e := range evidence {
		t.Run(e.subscriber+" "+e.scenario, func(t *testing.T) {
			got := observe(t, e.subscriber, e.scenario)
			t.Logf("%s: %s: %s", e.subscriber, e.scenario, got)
			if !strings.Contains(got, e.outcome) {
				t.Errorf("the decision rests on %q", e.outcome)
			}
		})
	}
}

// observe returns ok, or what the child said last of its failure.
func observe(t *testing.T, subscriber, scenario string) string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), executable)
	cmd.Env = append(os.Environ(), taskSubscriber+"="+subscriber, taskScenario+"="+scenario)
	output, err := cmd.CombinedOutput()
	if err == nil {
		return ok
	}
	if _, crash, found := bytes.Cut(output, []byte("panic: ")); found {
		line, _, _ := bytes.Cut(crash, []byte("\n"))
		return "the process died: panic: " + string(line)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(output)), "\n", "; ")
}
