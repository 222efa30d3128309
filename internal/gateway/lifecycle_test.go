package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStagesStopInReverse(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	var mu sync.Mutex
	var order []string
	for _, p := range []struct {
		stage stage
		name  string
	}{
		{stageAdmin, "admin"},
		{stageServices, "services"},
		{stageServers, "poweb"},
		{stageProjections, "mailbox"},
		{stageWorkers, "housekeeping"},
	} {
		l.started(p.stage, p.name, func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, p.name)
			return nil
		})
	}
	if err := l.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"poweb", "housekeeping", "mailbox", "services", "admin"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
}

// TestHungPartDelaysOthersNoLongerThanItsTime shows the bound of a stop: hung
// parts in every stage, and it still ends within StopTimeout, with the parts of
// one stage stopped together.
func TestHungPartDelaysOthersNoLongerThanItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLifecycle(slog.New(slog.DiscardHandler))
		hung := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		for s := stageAdmin; s <= stageServers; s++ {
			l.started(s, "hung", hung)
			l.started(s, "hung too", hung)
		}
		began := time.Now()
		err := l.stop(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took > StopTimeout {
			t.Errorf("took %v", took)
		}
	})
}

func TestRunningPartEndsWithTheStop(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	l.run(stageWorkers, "worker", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	if err := l.stop(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-l.failed:
		t.Error("a stop counted as a failure:", l.failure)
	default:
	}
}

func TestPartThatEndsByItselfIsAFailure(t *testing.T) {
	for name, cause := range map[string]error{"error": errors.New("broken"), "none": nil} {
		t.Run(name, func(t *testing.T) {
			l := newLifecycle(slog.New(slog.DiscardHandler))
			l.run(stageWorkers, "worker", func(context.Context) error { return cause })
			<-l.failed
			if cause != nil && !errors.Is(l.failure, cause) || l.failure == nil {
				t.Errorf("failure %v", l.failure)
			}
			l.fail("later", errors.New("consequence"))
			if cause != nil && !errors.Is(l.failure, cause) {
				t.Errorf("the first failure was replaced: %v", l.failure)
			}
			// The error of the part is told once more by the stop.
			if err := l.stop(t.Context()); cause != nil && !errors.Is(err, cause) {
				t.Errorf("stop: %v", err)
			}
		})
	}
}

// TestSilentConnectionDoesNotFailTheStop has a client connect and say nothing,
// as load balancers do, which net/http would wait for.
func TestSilentConnectionDoesNotFailTheStop(t *testing.T) {
	l := newLifecycle(slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	drained := false
	l.serveHTTP(stageAdmin, "test", listener, http.NotFoundHandler(), func(context.Context) error {
		drained = true
		return nil
	})
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := l.stop(t.Context()); err != nil || !drained {
		t.Errorf("drained %v, error %v", drained, err)
	}
}
