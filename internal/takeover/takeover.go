package takeover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/keystore"
)

// Takeover is a takeover from one gateway into another.
type Takeover struct {
	Source Source
	// Target is nil for a dry run.
	Target *Target
	// Address is the Internet address of both.
	Address string
	// Bucket and Cluster name the other gateway's bucket and NATS Streaming cluster.
	Bucket, Cluster string
	// Progress is told how far a pass is, by several goroutines. It must not block for
	// long.
	Progress func(Progress)
	Logger   *slog.Logger
	// Now is the clock: time.Now, unless a test says otherwise.
	Now func() time.Time
}

// Progress says how far a pass is.
type Progress struct {
	// Pass counts from 1. It is 0 while it is looked at what is here.
	Pass int `json:"pass"`
	// Doing says with what.
	Doing string `json:"doing"`
	// Done and Total count them; Total is 0 if it is not known.
	Done  int `json:"done"`
	Total int `json:"total"`
}

// Errors that people need to understand.
var (
	// ErrCompleted says that there is nothing to take over any more.
	ErrCompleted = fault.Permanent(errors.New("the takeover is complete: the other gateway is not followed any more"))
	// ErrWrong says that a verification failed.
	ErrWrong = fault.Permanent(errors.New("not everything is here as it is there"))
	// ErrNoGateway says that the sources are none of a gateway.
	ErrNoGateway = fault.Permanent(errors.New("the database names no current node: is it the other gateway's?"))
)

// mode is what a run does with what it finds.
type mode int

const (
	predict mode = iota // nothing
	take
	verify
)

// DryRun tells what a takeover into an empty gateway would move. It needs no target.
func (t *Takeover) DryRun(ctx context.Context) (Account, error) {
	r, err := t.open(ctx, predict)
	if err != nil {
		return Account{}, err
	}
	err = r.pass(ctx)
	return r.account(), err
}

// Once makes one pass. Errors are transient unless they are marked; what was moved
// before stays moved.
func (t *Takeover) Once(ctx context.Context) (Account, error) {
	r, err := t.open(ctx, take)
	if err != nil {
		return Account{}, err
	}
	err = r.pass(ctx)
	return r.account(), err
}

// Follow makes passes, with a pause in between, until ctx ends, which is no error. A
// pass that fails for a transient reason is logged and made again.
func (t *Takeover) Follow(ctx context.Context, pause time.Duration) (Account, error) {
	r, err := t.open(ctx, take)
	if err != nil {
		return Account{}, err
	}
	for {
		err := r.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return r.account(), nil
		case fault.IsFatal(err) || fault.IsPermanent(err):
			return r.account(), err
		case err != nil:
			t.Logger.LogAttrs(ctx, slog.LevelWarn, "pass not finished, trying again", slog.Any("error", err))
		}
		if !Wait(ctx, pause) {
			return r.account(), nil
		}
	}
}

// Cutover makes passes until there is nothing new, verifies the result and records
// that the takeover is complete. It waits for the other gateway's clients to leave its
// queues, and fails if one comes back. If it was complete already, it verifies.
func (t *Takeover) Cutover(ctx context.Context) (Account, error) {
	r, err := t.open(ctx, take)
	if errors.Is(err, ErrCompleted) {
		return t.Verify(ctx)
	}
	if err != nil {
		return Account{}, err
	}
	for settled := false; !settled; {
		if settled, err = r.lastPass(ctx); err != nil {
			return r.account(), err
		}
	}
	verified, err := t.Verify(ctx)
	if err != nil {
		return verified, err
	}
	if err := r.nobodyCameBack(ctx); err != nil {
		return verified, err
	}
	if err := r.complete(ctx); err != nil {
		return r.account(), err
	}
	account := r.account()
	account.Verified, account.Completed = true, true
	return account, nil
}

// lastPass makes a pass without anybody else at the queues, and tells whether nothing
// changed in it.
func (r *run) lastPass(ctx context.Context) (settled bool, err error) {
	if err := r.awaitNobody(ctx); err != nil {
		return false, err
	}
	before, changes := r.ends, r.ledger.changed()
	if err := r.pass(ctx); err != nil {
		return false, err
	}
	return r.passes > 1 && r.ends == before && r.ledger.changed() == changes, nil
}

// recheck is how often the clients that still have to leave are looked at.
const recheck = time.Second

// awaitNobody waits until the other gateway's processes have left its queues.
func (r *run) awaitNobody(ctx context.Context) error {
	for {
		clients, err := r.Source.Queues.Clients(ctx)
		if err != nil || len(clients) == 0 {
			return err
		}
		r.Progress(Progress{Pass: r.passes, Doing: "waiting for " + strings.Join(clients, ", ") + " to leave"})
		if !Wait(ctx, recheck) {
			return fmt.Errorf("%s of the other gateway still work with its queues: %w", strings.Join(clients, ", "), ctx.Err())
		}
	}
}

// nobodyCameBack returns an error if the other gateway works again.
func (r *run) nobodyCameBack(ctx context.Context) error {
	clients, err := r.Source.Queues.Clients(ctx)
	if err == nil && len(clients) > 0 {
		err = fmt.Errorf("%s came back to the other gateway's queues while everything was compared: stop the other gateway, and cut over again",
			strings.Join(clients, ", "))
	}
	return err
}

// Verify compares everything that waits in the other gateway, its keys and its records
// with what is here. The error is [ErrWrong] if something differs.
func (t *Takeover) Verify(ctx context.Context) (Account, error) {
	r, err := t.open(ctx, verify)
	if err != nil {
		return Account{}, err
	}
	err = r.pass(ctx)
	account := r.account()
	account.Verified = err == nil
	if err == nil && account.Wrong() > 0 {
		err = fmt.Errorf("%w: %d differ", ErrWrong, account.Wrong())
	}
	return account, err
}

// open looks at both sides before a first pass.
func (t *Takeover) open(ctx context.Context, m mode) (*run, error) {
	nodeID, err := t.Source.Records.CurrentID(ctx)
	if err != nil {
		return nil, err
	}
	if !pki.ValidNodeID(nodeID) {
		return nil, ErrNoGateway
	}
	if _, err := t.Source.Queues.Serving(ctx); err != nil {
		return nil, err
	}
	r := &run{
		Takeover: t, mode: m, nodeID: nodeID, known: newKnown(), ledger: newLedger(),
		seen: map[string]string{}, channels: map[string]*peerChannel{}, cargoIDs: map[uint64]string{},
		examine: &handlers.TakeOver{Now: t.Now},
	}
	if m == predict {
		return r, nil
	}
	log := t.Target.History
	r.keys = keystore.New(t.Target.Secrets)
	r.examine = &handlers.TakeOver{Blobs: t.Target.Blobs, Log: log, Now: t.Now}
	r.sessions = &handlers.Sessions{Keys: r.keys, Log: log, Now: t.Now}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	return r, r.known.read(ctx, log, r.counting("what is here already", 0).add)
}

// begin records that the takeover begins, unless it was begun before. It refuses what
// is no gateway for it.
func (r *run) begin(ctx context.Context) error {
	s, err := stateOf(ctx, r.Target.History)
	if err != nil {
		return err
	}
	r.isComplete = s.completed != nil
	here, _, err := identity.Certificates(ctx, r.Target.History)
	switch {
	case err != nil:
		return err
	case here != "" && here != r.nodeID:
		return fault.Permanent(fmt.Errorf("this gateway is node %s already: take node %s over into one that was never started, and for which init was never run", here, r.nodeID))
	case s.begun != nil && (s.begun.Bucket != r.Bucket || s.begun.Cluster != r.Cluster):
		return fault.Permanent(fmt.Errorf("the takeover was begun from bucket %s and cluster %s", s.begun.Bucket, s.begun.Cluster))
	case r.mode == verify:
		return nil
	case r.isComplete:
		return ErrCompleted
	case s.begun != nil:
		return nil
	case here != "":
		return fault.Permanent(fmt.Errorf("this gateway is node %s already, without a takeover", here))
	}
	data := events.TakeoverBegun{NodeID: r.nodeID, Bucket: r.Bucket, Cluster: r.Cluster}
	return r.recordState(ctx, data)
}

// complete records that the takeover is complete.
func (r *run) complete(ctx context.Context) error {
	return r.recordState(ctx, events.TakeoverCompleted{NodeID: r.nodeID, KnownUntil: r.known.until()})
}

func (r *run) recordState(ctx context.Context, data events.Data) error {
	id := events.DeriveID(string(data.EventType()), r.nodeID)
	log := r.Target.History
	var last uint64
	switch before, err := log.Last(ctx, events.StreamGateway, events.TakeoverChannel); {
	case err == nil:
		last = before.Sequence
	case !errors.Is(err, io.EOF):
		return err
	}
	_, err := log.AppendAfter(ctx, events.New(id, string(events.ViaTakeover), r.Now(), data), last)
	if errors.Is(err, events.ErrConflict) {
		return fmt.Errorf("another takeover works on this gateway: %w", err)
	}
	return err
}

// Wait returns false if ctx ends before d is over.
func Wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
