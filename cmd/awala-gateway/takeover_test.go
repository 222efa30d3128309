package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"awala.network/gateway/internal/takeover"
)

// TestTakeoverProgress shows a pass by a bar, and by lines of which each is JSON.
func TestTakeoverProgress(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		p := newTakeoverProgress(&out, asJSON)
		p.show(takeover.Progress{Pass: 1, Doing: "waiting for worker to leave"})
		var working sync.WaitGroup
		for n := range 500 {
			working.Go(func() { p.show(takeover.Progress{Pass: 1, Doing: "cargoes", Done: n + 1, Total: 500}) })
		}
		working.Wait()
		p.show(takeover.Progress{Pass: 1, Doing: "cargoes", Done: 600})
		p.done()
		if err := p.account(takeover.Account{NodeID: "0abc", Lines: []takeover.Line{{Kind: takeover.Cargoes, Found: 500}}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if !asJSON {
			if !strings.Contains(out.String(), "waiting for worker") || !strings.Contains(out.String(), "pass 1: cargoes") || !strings.Contains(out.String(), "cargoes  500") {
				t.Errorf("no bar or no account:\n%q", out.String())
			}
			continue
		}
		for _, line := range lines {
			var l takeoverLine
			if err := json.Unmarshal([]byte(line), &l); err != nil || (l.Progress == nil) == (l.Account == nil) {
				t.Errorf("%s: %v", line, err)
			}
		}
		if n := len(lines); n < 3 || n > 20 {
			t.Errorf("%d lines", n)
		}
	}
}

// TestTakeoverWantsItsSettings names what is missing, and does nothing.
func TestTakeoverWantsItsSettings(t *testing.T) {
	var out, errs bytes.Buffer
	code := run([]string{"takeover", "--dry-run", "--from-mongo", "mongodb://127.0.0.1:1"}, nil, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "--from-mongo-database") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	errs.Reset()
	if code := run([]string{"takeover", "--dry-run", "--cutover"}, nil, &out, &errs); code != exitUsage {
		t.Errorf("two at once: exit code %d: %s", code, errs.String())
	}
}
