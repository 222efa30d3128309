package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"awala.network/gateway/internal/fault"
)

// ErrLifecycleUnsupported says that the server has no lifecycle rules. It is
// permanent, and no reason not to go on: expiry never depends on the bucket
// alone, because the housekeeping role removes what has expired.
var ErrLifecycleUnsupported = fault.Permanent(errors.New("the object store has no lifecycle rules"))

// ruleID begins the ids of the lifecycle rules that are ours.
const ruleID = "awala-"

// Rule is a lifecycle rule: objects under Prefix are removed Days days after
// they were stored.
type Rule struct {
	Prefix string
	Days   int
}

// EnsureBucket makes the bucket unless it is there.
func (s *Store) EnsureBucket(ctx context.Context) error {
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return fmt.Errorf("look for bucket %s: %w", s.bucket, classify(ctx, err))
	}
	if there {
		return nil
	}
	err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.region})
	if err == nil || minio.ToErrorResponse(err).Code == minio.BucketAlreadyOwnedByYou {
		return nil
	}
	return fmt.Errorf("make bucket %s: %w", s.bucket, classify(ctx, err))
}

// InstallLifecycle replaces the rules that it installed before with the given
// ones, and leaves other people's rules in the bucket as they are. On a server
// without such rules it returns ErrLifecycleUnsupported.
func (s *Store) InstallLifecycle(ctx context.Context, rules []Rule) error {
	config, err := s.lifecycle(ctx)
	if err != nil {
		return fmt.Errorf("read lifecycle rules of bucket %s: %w", s.bucket, err)
	}
	config.Rules = slices.DeleteFunc(config.Rules, isOurs)
	for _, r := range rules {
		config.Rules = append(config.Rules, lifecycle.Rule{
			ID:         ruleID + strings.ReplaceAll(strings.Trim(r.Prefix, "/"), "/", "-"),
			Status:     "Enabled",
			RuleFilter: lifecycle.Filter{Prefix: r.Prefix},
			Expiration: lifecycle.Expiration{Days: lifecycle.ExpirationDays(r.Days)},
		})
	}
	if err := s.client.SetBucketLifecycle(ctx, s.bucket, config); err != nil {
		return fmt.Errorf("set lifecycle rules of bucket %s: %w", s.bucket, unsupported(classify(ctx, err)))
	}
	return nil
}

// Lifecycle returns the rules that InstallLifecycle installed and that are
// enabled, or ErrLifecycleUnsupported.
func (s *Store) Lifecycle(ctx context.Context) ([]Rule, error) {
	config, err := s.lifecycle(ctx)
	if err != nil {
		return nil, fmt.Errorf("read lifecycle rules of bucket %s: %w", s.bucket, err)
	}
	var rules []Rule
	for _, r := range config.Rules {
		if isOurs(r) && r.Status == "Enabled" {
			rules = append(rules, Rule{Prefix: r.RuleFilter.Prefix, Days: int(r.Expiration.Days)})
		}
	}
	return rules, nil
}

// lifecycle returns all rules of the bucket, none if none was ever set.
func (s *Store) lifecycle(ctx context.Context) (*lifecycle.Configuration, error) {
	config, err := s.client.GetBucketLifecycle(ctx, s.bucket)
	if err == nil {
		return config, nil
	}
	if minio.ToErrorResponse(err).Code == "NoSuchLifecycleConfiguration" {
		return lifecycle.NewConfiguration(), nil
	}
	return nil, unsupported(classify(ctx, err))
}

func isOurs(r lifecycle.Rule) bool { return strings.HasPrefix(r.ID, ruleID) }

// unsupported marks the answers of servers that do not know the request.
func unsupported(err error) error {
	var response minio.ErrorResponse
	if errors.As(err, &response) && response.StatusCode == http.StatusNotImplemented {
		return fmt.Errorf("%w: %w", ErrLifecycleUnsupported, err)
	}
	return err
}
