package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"awala.network/gateway/internal/blobs"
)

// errContradiction says that a key was reported as taken and could not be seen
// to be. It is transient.
var errContradiction = errors.New("the object store says that the key is taken")

// classify turns what the client reports into the errors of package blobs,
// keeping the cause. Whatever it does not know is transient.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	var response minio.ErrorResponse
	if !errors.As(err, &response) {
		return err
	}
	if sentinel := sentinel(response); sentinel != nil {
		return fmt.Errorf("%w: %w", sentinel, err)
	}
	return err
}

// sentinel returns nil for answers that have none.
func sentinel(r minio.ErrorResponse) error {
	switch r.Code {
	case minio.NoSuchKey:
		return blobs.ErrNotFound
	case minio.PreconditionFailed:
		return blobs.ErrExists
	case "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage":
		return blobs.ErrFull
	}
	switch r.StatusCode {
	case http.StatusPreconditionFailed:
		return blobs.ErrExists
	case http.StatusInsufficientStorage:
		return blobs.ErrFull
	default:
		return nil
	}
}

// unanswered tells whether err came from the way to the server and back, rather
// than from the server.
func unanswered(err error) bool {
	var response minio.ErrorResponse
	return err != nil && !errors.As(err, &response)
}
