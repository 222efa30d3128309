package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"awala.network/gateway/internal/config"
)

// runOptions are those of a gateway with embedded services and one role.
func runOptions(t *testing.T, r role) Options {
	c := config.Default()
	c.Standalone.DataDir = config.Path(t.TempDir())
	c.Admin.Listen = "127.0.0.1:0"
	return Options{
		Kind:   Kind{Name: "test", open: openEmbedded, roles: []role{r}},
		Config: c, Logger: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar),
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	idle := role{name: "idle", start: func(context.Context, *assembly) error { return nil }}
	if err := Run(ctx, runOptions(t, idle), func(Info) { cancel() }); err != nil {
		t.Error(err)
	}
}

func TestRunEndsWhenAPartFails(t *testing.T) {
	broken := errors.New("broken")
	failing := role{name: "failing", start: func(_ context.Context, a *assembly) error {
		a.life.run(stageWorkers, "failing", func(context.Context) error { return broken })
		return nil
	}}
	if err := Run(t.Context(), runOptions(t, failing), func(Info) {}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestFailedStartIsUndone: what was started before the role that fails is
// stopped, which goleak and the second start on the folder show.
func TestFailedStartIsUndone(t *testing.T) {
	broken := errors.New("broken")
	o := runOptions(t, role{name: "failing", start: func(context.Context, *assembly) error { return broken }})
	for range 2 {
		if _, err := Start(t.Context(), o); !errors.Is(err, broken) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v", err)
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	waiting := role{name: "waiting", start: func(ctx context.Context, a *assembly) error {
		cancel()
		return a.await(ctx, make(chan struct{}))
	}}
	if _, err := Start(ctx, runOptions(t, waiting)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRoleThatIsOffIsNotStarted(t *testing.T) {
	off := role{
		name:   "off",
		listen: func(*config.Config) config.Listen { return config.Off },
		start:  func(context.Context, *assembly) error { return errors.New("started") },
	}
	g, err := Start(t.Context(), runOptions(t, off))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
