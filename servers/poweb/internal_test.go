package poweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"awala.network/gateway/projections"
)

func TestDamperDelaysWhoSpins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDamper()
		for i := range reconnectBurst {
			if wait := d.delay([]string{"spinner"}); wait != 0 {
				t.Errorf("connection %d waits for %v", i, wait)
			}
		}
		for range 100 {
			if wait := d.delay([]string{"other", "spinner"}); wait <= 0 || wait > maxDamping {
				t.Fatalf("a spinning client waits for %v", wait)
			}
		}
		if wait := d.delay([]string{"bystander"}); wait != 0 {
			t.Errorf("a bystander waits for %v", wait)
		}
		<-time.After(10 * time.Second)
		if wait := d.delay([]string{"spinner"}); wait != 0 {
			t.Errorf("after a rest it waits for %v", wait)
		}
	})
}

func TestDamperForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDamper()
		for i := range damperSize {
			d.delay([]string{fmt.Sprint(i)})
		}
		<-time.After(time.Minute)
		d.delay([]string{"one more"})
		if len(d.limiters) != 1 {
			t.Errorf("%d gateways are remembered after a minute", len(d.limiters))
		}
		for i := range damperSize {
			d.delay([]string{fmt.Sprint(i)})
		}
		if len(d.limiters) > damperSize {
			t.Errorf("%d gateways are remembered at once", len(d.limiters))
		}
	})
}

// script is a feed that yields what it is told to.
type script struct {
	steps  []yield
	closed bool
}

// Next returns the next step, and io.EOF after the last.
func (s *script) Next(ctx context.Context) (projections.Item, error) {
	if ctx.Err() != nil {
		return projections.Item{}, ctx.Err()
	}
	if len(s.steps) == 0 {
		return projections.Item{}, io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step.item, step.err
}

// Close notes that it was called.
func (s *script) Close() { s.closed = true }

func steps(n int) []yield {
	s := make([]yield, n)
	for i := range s {
		s[i].item.Sequence = uint64(i + 1)
	}
	return s
}

func TestUnionYieldsAllAndKeepsEachOrder(t *testing.T) {
	transient := errors.New("transient")
	a, b := &script{steps: steps(5)}, &script{steps: append(append(steps(2), yield{err: transient}), steps(3)...)}
	for i := range a.steps {
		a.steps[i].item.PrivateGatewayID = "a"
	}
	u := newUnion([]Feed{a, b})
	yielded, failures, last := 0, 0, uint64(0)
	for {
		item, err := u.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case errors.Is(err, transient):
			failures++
			continue
		case err != nil:
			t.Fatal(err)
		case item.PrivateGatewayID == "a" && item.Sequence != last+1:
			t.Errorf("%d after %d", item.Sequence, last)
		}
		if item.PrivateGatewayID == "a" {
			last = item.Sequence
		}
		yielded++
	}
	u.Close()
	if yielded != 10 || failures != 1 || !a.closed || !b.closed {
		t.Errorf("%d parcels and %d errors; closed: %v, %v", yielded, failures, a.closed, b.closed)
	}
}

func TestUnionMayBeLeft(t *testing.T) {
	a, b := &script{steps: steps(5)}, &script{steps: steps(5)}
	u := newUnion([]Feed{a, b})
	if _, err := u.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // a parcel may be ready, too
		if _, err := u.Next(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled Next: %v", err)
		}
	}
	u.Close()
	if !a.closed || !b.closed {
		t.Error("a feed is open")
	}
}

func TestStreamingModeHeaders(t *testing.T) {
	tests := []struct {
		header http.Header
		want   bool
	}{
		{nil, false},
		{http.Header{"X-Relaynet-Streaming-Mode": {"close-upon-completion"}}, true},
		{http.Header{"X-Awala-Streaming-Mode": {"close-upon-completion"}}, true},
		{http.Header{"X-Relaynet-Streaming-Mode": {" Close-Upon-Completion "}}, true},
		{http.Header{"X-Relaynet-Streaming-Mode": {"keep-alive"}}, false},
		{http.Header{"X-Relaynet-Streaming-Mode": {"whatever"}}, false},
		{http.Header{"X-Relaynet-Streaming-Mode": {"keep-alive"}, "X-Awala-Streaming-Mode": {"close-upon-completion"}}, false},
	}
	for _, tc := range tests {
		if got := closesUponCompletion(tc.header); got != tc.want {
			t.Errorf("%v: %v", tc.header, got)
		}
	}
}

func FuzzCountersignatureHeader(f *testing.F) {
	for _, seed := range []string{"", "Relaynet-Countersignature YQ==", "awala-countersignature  YQ== ", "Bearer x", "Relaynet-Countersignature"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, ok := countersignature(http.Header{"Authorization": {value}})
		if !ok && text != "" {
			t.Errorf("text %q of another scheme", text)
		}
	})
}
