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
	ctx, cancel := l.bounded(ctx)
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
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	revision, err := c.kv.Create(ctx, name, nil)
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
		revision = c.renew(renewing, name, revision)
	}()
	return sync.OnceFunc(func() {
		stop()
		<-done
		c.giveBack(context.WithoutCancel(ctx), name, revision)
	}), true, nil
}

// renew keeps the claim until ctx ends or it is lost, and returns its last revision.
func (c *Claims) renew(ctx context.Context, name string, revision uint64) uint64 {
	ticker := time.NewTicker(c.life / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return revision
		case <-ticker.C:
		}
		renewed, err := c.kv.Update(ctx, name, nil, revision)
		if err == nil {
			revision = renewed
			continue
		}
		if ctx.Err() == nil {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "claim not renewed", slog.Any("error", err))
		}
	}
}

// giveBack deletes the claim, unless it is somebody else's by now.
func (c *Claims) giveBack(ctx context.Context, name string, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, c.life/3)
	defer cancel()
	if err := c.kv.Delete(ctx, name, natsjs.LastRevision(revision)); err != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "claim not given back; it ends by itself", slog.Any("error", err))
	}
}
