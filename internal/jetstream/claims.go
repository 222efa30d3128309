package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"
)

// claimsBucket is the key-value bucket of claims.
const claimsBucket = "CLAIMS"

// Claims are kept in a key-value bucket, in memory: a claim keeps processes from
// doing something at the same time, and is no reason to believe that they do not.
// One that is lost, with a server or because its owner could not be reached, may be
// taken by somebody else.
type Claims struct {
	kv     natsjs.KeyValue
	life   time.Duration
	logger *slog.Logger
}

// Claims opens the claims of all processes, and makes the bucket if it is missing.
// A claim whose owner died ends after life, which must be some seconds at least.
func (l *Log) Claims(ctx context.Context, life time.Duration) (*Claims, error) {
	ctx, cancel := l.hurried(ctx)
	defer cancel()
	kv, err := l.js.KeyValue(ctx, claimsBucket)
	if errors.Is(err, natsjs.ErrBucketNotFound) || err == nil && !l.suits(ctx, kv, life) {
		kv, err = l.js.CreateOrUpdateKeyValue(ctx, natsjs.KeyValueConfig{
			Bucket: claimsBucket, TTL: life, Storage: natsjs.MemoryStorage, Replicas: l.opts.Replicas,
		})
	}
	if err != nil {
		return nil, fmt.Errorf("jetstream: claims: %w", err)
	}
	return &Claims{kv: kv, life: life, logger: l.opts.Logger}, nil
}

// suits tells whether the bucket is as it should be; then nobody needs the right to
// change it.
func (l *Log) suits(ctx context.Context, kv natsjs.KeyValue, life time.Duration) bool {
	status, err := kv.Status(ctx)
	if err != nil {
		return false
	}
	bucket, ok := status.(*natsjs.KeyValueBucketStatus)
	return ok && status.TTL() == life && bucket.StreamInfo().Config.Replicas == l.opts.Replicas
}

// Claim takes key, unless somebody has it: then ok is false. release gives it back;
// it may be called more than once. Until then the claim is renewed.
func (c *Claims) Claim(ctx context.Context, key string) (release func(), ok bool, err error) {
	held, ok, err := c.take(ctx, key)
	if !ok || err != nil {
		return nil, false, err
	}
	return held.release, true, nil
}

// claim is one that we have, or had.
type claim struct {
	claims *Claims
	name   string
	// release gives the claim back, unless it was lost.
	release func()
	// lost is closed when somebody else may have the claim. That is some time before
	// anybody can, if the renewals are not answered.
	lost chan struct{}
}

// take takes key, unless somebody has it: then ok is false.
func (c *Claims) take(ctx context.Context, key string) (held *claim, ok bool, err error) {
	sum := sha256.Sum256([]byte(key))
	held = &claim{claims: c, name: hex.EncodeToString(sum[:]), lost: make(chan struct{})}
	asked := time.Now()
	revision, err := c.kv.Create(ctx, held.name, nil)
	if errors.Is(err, natsjs.ErrKeyExists) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("jetstream: claim: %w", err)
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		revision = held.renew(renewing, revision, asked)
	}()
	held.release = sync.OnceFunc(func() {
		stop()
		<-done
		held.giveBack(context.WithoutCancel(ctx), revision)
	})
	return held, true, nil
}

// renew keeps the claim until ctx ends or it is lost, and returns its last revision,
// or 0 if it was lost. It was last renewed at the instant renewed, or somewhat later.
func (h *claim) renew(ctx context.Context, revision uint64, renewed time.Time) uint64 {
	ticker := time.NewTicker(h.claims.life / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return revision
		case <-ticker.C:
		}
		asked := time.Now()
		next, err := h.update(ctx, revision, renewed)
		switch {
		case err == nil:
			revision, renewed = next, asked
		case ctx.Err() != nil:
			return revision
		case isWrongLast(err) || time.Since(renewed) >= h.claims.kept():
			h.claims.logger.LogAttrs(ctx, slog.LevelWarn, "claim lost", slog.Any("error", err))
			close(h.lost)
			return 0
		default:
			h.claims.logger.LogAttrs(ctx, slog.LevelWarn, "claim not renewed", slog.Any("error", err))
		}
	}
}

// update renews the claim once, for no longer than it is certain to be ours.
func (h *claim) update(ctx context.Context, revision uint64, renewed time.Time) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, min(h.claims.life/3, time.Until(renewed.Add(h.claims.kept()))))
	defer cancel()
	return h.claims.kv.Update(ctx, h.name, nil, revision)
}

// kept is how long after a renewal its owner may rely on a claim: what is begun then
// has the rest of its life to be finished.
func (c *Claims) kept() time.Duration { return c.life - c.life/6 }

// giveBack deletes the claim, unless it is somebody else's by now.
func (h *claim) giveBack(ctx context.Context, revision uint64) {
	if revision == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.claims.life/3)
	defer cancel()
	if err := h.claims.kv.Delete(ctx, h.name, natsjs.LastRevision(revision)); err != nil {
		h.claims.logger.LogAttrs(ctx, slog.LevelWarn, "claim not given back; it ends by itself", slog.Any("error", err))
	}
}
