package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/connect"
)

// probePrefix is where the doctor puts its object.
const probePrefix = "doctor/"

// examineObjectStore looks at the bucket, and puts and removes an object of its own.
func examineObjectStore(ctx context.Context, c *Case, r *Report) {
	s := c.Config.ObjectStore
	options, err := connect.ObjectStore(s)
	if err != nil {
		r.problem("s3", "set --s3-endpoint to a URL", "%v", err)
		return
	}
	store, err := s3.New(options)
	if err != nil {
		r.problem("s3", "look at the settings that begin with --s3", "%v", err)
		return
	}
	defer func() { _ = store.Close() }()
	skew, err := store.Clock(ctx)
	if err != nil {
		r.problem("s3", "start the object store, and look at --s3-endpoint and --s3-tls-ca", "the object store cannot be reached: %v", err)
		return
	}
	examineClock(r, "s3-clock", "the object store", skew)
	switch err := store.LookForBucket(ctx); {
	case errors.Is(err, s3.ErrNoBucket):
		r.problem("s3-bucket", "awala-gateway init --remote, or set --s3-bucket", "there is no bucket %s", s.Bucket)
		return
	case err != nil:
		r.problem("s3-bucket", "look at --s3-access-key, --s3-secret-key and --s3-region, and let the account list, get, put and delete in the bucket",
			"the bucket cannot be used: %v", err)
		return
	}
	r.ok("s3-bucket", "the bucket %s is there", s.Bucket)
	examineConditionalPut(ctx, store, r)
	examineLifecycle(ctx, c, store, r)
}

// examineConditionalPut puts an object twice, which must fail the second time, and
// removes it.
func examineConditionalPut(ctx context.Context, store *s3.Store, r *Report) {
	const access = "let the account get, put and delete in the bucket"
	key := probePrefix + strings.ToLower(rand.Text())
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	meta := blobs.Meta{ExpiresAt: expires, IfAbsent: true}
	if err := store.Put(ctx, key, []byte("first"), meta); err != nil {
		r.problem("s3-put", access, "an object cannot be put: %v", err)
		return
	}
	switch err := store.Put(ctx, key, []byte("second"), meta); {
	case errors.Is(err, blobs.ErrExists):
		r.ok("s3-conditional-put", "the object store honours If-None-Match")
	case err != nil:
		r.problem("s3-conditional-put", access, "an object cannot be put on condition: %v", err)
	default:
		r.problem("s3-conditional-put", "use an object store that honours If-None-Match on PUT (Amazon S3, MinIO, Ceph from Squid on, versitygw)",
			"the object store ignores If-None-Match: it replaces what it must not")
	}
	switch body, m, err := store.Get(ctx, key); {
	case err != nil:
		r.problem("s3-get", access, "an object cannot be read back: %v", err)
	case !m.ExpiresAt.Equal(expires) || len(body) == 0:
		r.problem("s3-get", "let proxies before the object store pass x-amz-meta headers on", "an object's metadata do not come back")
	default:
		r.ok("s3-get", "objects come back with their metadata")
	}
	if err := store.Delete(ctx, key); err != nil {
		r.problem("s3-delete", access, "an object cannot be deleted: %v", err)
		return
	}
	r.ok("s3-delete", "objects can be deleted")
}

// examineLifecycle compares the bucket's rules with those that init installs.
func examineLifecycle(ctx context.Context, c *Case, store *s3.Store, r *Report) {
	const check = "s3-lifecycle"
	foreign, err := store.ForeignExpiry(ctx)
	if errors.Is(err, s3.ErrLifecycleUnsupported) {
		r.ok(check, "the object store has no lifecycle rules: the housekeeping role alone removes what has expired")
		return
	}
	if err != nil {
		r.warning(check, "let the account read the bucket's lifecycle rules", "%v", err)
		return
	}
	for _, rule := range foreign {
		r.problem(check, "remove the rule, or give it a prefix that is not the gateway's", "a rule that is not ours removes objects under %q after %d days", rule.Prefix, rule.Days)
	}
	ours, err := store.Lifecycle(ctx)
	if err != nil {
		r.warning(check, "let the account read the bucket's lifecycle rules", "%v", err)
		return
	}
	days := make(map[string]int)
	for _, rule := range ours {
		days[rule.Prefix] = rule.Days
	}
	good := true
	for _, want := range c.Lifecycle {
		switch have, there := days[want.Prefix]; {
		case !there:
			good = false
			r.warning(check, "awala-gateway init --remote", "no rule removes what is left under %s", want.Prefix)
		case have < want.Days:
			good = false
			r.problem(check, "awala-gateway init --remote", "objects under %s are removed after %d days, and may be wanted for %d", want.Prefix, have, want.Days)
		}
	}
	if good {
		r.ok(check, "lifecycle rules remove what is left behind")
	}
	examineVersioning(ctx, store, r)
}

func examineVersioning(ctx context.Context, store *s3.Store, r *Report) {
	versioned, err := store.Versioned(ctx)
	switch {
	case err != nil:
		r.warning("s3-versioning", "let the account read the bucket's versioning", "%v", err)
	case versioned:
		r.warning("s3-versioning", "suspend versioning, or add a rule that removes noncurrent versions", "the bucket keeps versions: delivered parcels stay and are paid for")
	default:
		r.ok("s3-versioning", "deleted objects are gone")
	}
}
