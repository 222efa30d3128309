package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// ErrNoBucket says that the bucket is not there.
var ErrNoBucket = errors.New("there is no such bucket")

// LookForBucket returns nil if the bucket is there and may be used, ErrNoBucket if
// it is not, and otherwise why that cannot be told.
func (s *Store) LookForBucket(ctx context.Context) error {
	there, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return fmt.Errorf("look for bucket %s: %w", s.bucket, classify(ctx, err))
	}
	if !there {
		return fmt.Errorf("%w: %s", ErrNoBucket, s.bucket)
	}
	return nil
}

// ForeignExpiry lists the enabled lifecycle rules in the bucket that remove objects
// and were not made by InstallLifecycle.
func (s *Store) ForeignExpiry(ctx context.Context) ([]Rule, error) {
	config, err := s.lifecycle(ctx)
	if err != nil {
		return nil, fmt.Errorf("read lifecycle rules of bucket %s: %w", s.bucket, err)
	}
	foreign := slices.DeleteFunc(config.Rules, func(r lifecycle.Rule) bool {
		return isOurs(r) || r.Status != "Enabled" || r.Expiration.Days == 0 && r.Expiration.Date.IsZero()
	})
	rules := make([]Rule, len(foreign))
	for i, r := range foreign {
		rules[i] = Rule{Prefix: r.RuleFilter.Prefix, Days: int(r.Expiration.Days)}
		if rules[i].Prefix == "" {
			rules[i].Prefix = r.Prefix
		}
	}
	return rules, nil
}

// Versioned tells whether the bucket keeps what was deleted. Servers that do not
// know of versions keep none.
func (s *Store) Versioned(ctx context.Context) (bool, error) {
	config, err := s.client.GetBucketVersioning(ctx, s.bucket)
	if response := minio.ToErrorResponse(err); err != nil &&
		(response.StatusCode == http.StatusNotImplemented || response.Code == "VersioningNotConfigured") {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read versioning of bucket %s: %w", s.bucket, classify(ctx, err))
	}
	return config.Enabled(), nil
}

// Clock returns how far the server's clock is ahead of ours, to the second, as its
// answer to an unsigned request tells: a signed one would be refused when the
// clocks differ much.
func (s *Store) Clock(ctx context.Context) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, s.client.EndpointURL().String(), http.NoBody)
	if err != nil {
		return 0, err
	}
	answer, err := s.transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return 0, fmt.Errorf("the object store does not tell the time: %w", err)
	}
	return at.Sub(time.Now().Truncate(time.Second)), nil
}
