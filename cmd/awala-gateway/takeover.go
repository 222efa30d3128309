package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/internal/telemetry"
)

// takeoverFlags say what a takeover does.
type takeoverFlags struct {
	remote, json                  bool
	dryRun, once, cutover, verify bool
	pause                         time.Duration
}

func newTakeover(environ []string) *cobra.Command {
	f := new(takeoverFlags)
	cmd := &cobra.Command{
		Use:   "takeover",
		Short: "Take the place of a running Node.js gateway, with its identity and all that waits in it",
		Long: `takeover moves a deployment of the Node.js gateway of the NATS Streaming generation
into this gateway: its identity and keys, what it knows of private gateways, and
everything that waits in its object store and its queues. Private gateways keep
their certificates and sessions. See docs/takeover.md for the whole procedure.

It reads from the other gateway's MongoDB, Vault, object store and NATS Streaming,
and changes nothing there: the other gateway can go on as if nothing had been. It
takes over into a gateway that was never started: a data folder, or with --remote
NATS, an object store, MongoDB and Vault.

Without --once or --cutover it goes on following the other gateway until Ctrl-C. It
can be interrupted or killed at any moment and run again. --cutover, when the other
gateway has stopped, takes over what is left, verifies everything and completes the
takeover; only then can this gateway start.

On a terminal it shows a bar and in the end an account; elsewhere, or with --json, it
prints lines of JSON, of which the last has the account.

Exit codes: 0 if it did what was asked; 1 if not, or if --verify finds a difference;
2 if the settings cannot be read.`,
		Example: `  awala-gateway takeover --config takeover.yaml --dry-run
  awala-gateway takeover --config takeover.yaml --remote
  awala-gateway takeover --config takeover.yaml --remote --cutover
  awala-gateway takeover --config takeover.yaml --remote --verify --json`,
		Args: cobra.NoArgs,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options, err := toolOptions(cmd, environ, f.kind())
		if err != nil {
			return err
		}
		if err := options.Config.CheckTakeover(f.remote); err != nil {
			return err
		}
		ctx, release := untilSignal(cmd.Context())
		defer release()
		return failed(runTakeover(ctx, cmd.OutOrStdout(), options, f))
	}
	return cmd
}

// register gives the command its flags.
func (f *takeoverFlags) register(cmd *cobra.Command) {
	config.RegisterFlags(cmd.Flags(), new(config.Config))
	flags := cmd.Flags()
	flags.BoolVar(&f.remote, "remote", false, "take over into NATS, the object store, MongoDB and Vault, not into a data folder")
	flags.BoolVar(&f.dryRun, "dry-run", false, "look at the other gateway alone, and say what would be moved")
	flags.BoolVar(&f.once, "once", false, "take over what there is, and do not follow")
	flags.BoolVar(&f.cutover, "cutover", false, "wait until the other gateway has stopped, take over the rest, verify, complete")
	flags.BoolVar(&f.verify, "verify", false, "compare everything with the other gateway, and change nothing")
	flags.BoolVar(&f.json, "json", false, "print lines of JSON")
	flags.DurationVar(&f.pause, "pause", 10*time.Second, "pause between two looks at the other gateway")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "once", "cutover", "verify")
}

// kind is where to take over into. A dry run needs nothing of it.
func (f *takeoverFlags) kind() gateway.Kind { return gateway.Services(f.remote && !f.dryRun) }

// call is what the flags ask for.
func (f *takeoverFlags) call(ctx context.Context, t *takeover.Takeover) (takeover.Account, error) {
	switch {
	case f.dryRun:
		return t.DryRun(ctx)
	case f.once:
		return t.Once(ctx)
	case f.cutover:
		return t.Cutover(ctx)
	case f.verify:
		return t.Verify(ctx)
	default:
		return t.Follow(ctx, f.pause)
	}
}

func runTakeover(ctx context.Context, out io.Writer, options gateway.Options, f *takeoverFlags) error {
	p := newTakeoverProgress(out, f.json || !telemetry.IsTerminal(out))
	account, err := gateway.Takeover(ctx, options, f.dryRun, p.show, f.call)
	p.done()
	if account.NodeID != "" {
		err = errors.Join(err, p.account(account))
	}
	return err
}

// takeoverLine is a line of JSON.
type takeoverLine struct {
	Progress *takeover.Progress `json:"progress,omitempty"`
	Account  *takeover.Account  `json:"account,omitempty"`
}

// linePause is the least time between two lines about the same.
const linePause = time.Second

// takeoverProgress shows how a takeover goes: a bar on a terminal, and lines of JSON
// otherwise. Its methods may be called concurrently.
type takeoverProgress struct {
	out  io.Writer
	json bool

	mu    sync.Mutex
	doing string
	at    time.Time
	bar   bar
}

func newTakeoverProgress(out io.Writer, asJSON bool) *takeoverProgress {
	return &takeoverProgress{out: out, json: asJSON, bar: bar{out: out, unit: "items"}}
}

func (p *takeoverProgress) show(now takeover.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Total > 0 && now.Done < now.Total && now.Doing == p.doing && time.Since(p.at) < linePause/10 {
		return
	}
	// What cannot be shown does not keep the takeover from going on.
	if p.json {
		if now.Doing == p.doing && time.Since(p.at) < linePause && now.Done != now.Total {
			return
		}
		p.doing, p.at = now.Doing, time.Now()
		_ = json.NewEncoder(p.out).Encode(takeoverLine{Progress: &now})
		return
	}
	p.doing, p.at = now.Doing, time.Now()
	p.bar.show(nameOf(now), int64(now.Done), int64(now.Total))
}

func nameOf(p takeover.Progress) string {
	if p.Pass == 0 {
		return p.Doing
	}
	return fmt.Sprintf("pass %d: %s", p.Pass, p.Doing)
}

// done takes the bar away.
func (p *takeoverProgress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bar.clear()
}

func (p *takeoverProgress) account(a takeover.Account) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		return json.NewEncoder(p.out).Encode(takeoverLine{Account: &a})
	}
	return a.Write(p.out)
}
