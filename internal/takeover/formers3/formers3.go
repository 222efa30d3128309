// Package formers3 reads the bucket of the Node.js gateway. It is a takeover.Objects.
package formers3

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/takeover"
)

// Options name the bucket and how to get there.
type Options struct {
	// Endpoint is the server's host, with ":port" unless it is the usual one.
	Endpoint string
	// Insecure speaks HTTP instead of HTTPS.
	Insecure bool
	// AccessKey and SecretKey identify the account.
	AccessKey, SecretKey string
	// Bucket is the bucket's name.
	Bucket string
	// Roots are the authorities to trust; nil for the system's.
	Roots *x509.CertPool
}

// Bucket is a takeover.Objects. Make one with Open.
type Bucket struct {
	client    *minio.Client
	transport *http.Transport
	bucket    string
}

var _ takeover.Objects = (*Bucket)(nil)

// Open returns the bucket, without asking the server anything.
func Open(o Options) (*Bucket, error) {
	transport, err := minio.DefaultTransport(!o.Insecure)
	if err != nil {
		return nil, fmt.Errorf("former object store: %w", err)
	}
	if o.Roots != nil && transport.TLSClientConfig != nil {
		transport.TLSClientConfig.RootCAs = o.Roots
	}
	client, err := minio.New(o.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: !o.Insecure, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("former object store: %w", err)
	}
	return &Bucket{client: client, transport: transport, bucket: o.Bucket}, nil
}

// Close drops idle connections.
func (b *Bucket) Close() { b.transport.CloseIdleConnections() }

// List implements takeover.Objects.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[takeover.Object, error] {
	return func(yield func(takeover.Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true}
		for object := range b.client.ListObjectsIter(ctx, b.bucket, options) {
			if object.Err != nil {
				yield(takeover.Object{}, fmt.Errorf("former object store: list %s: %w", prefix, object.Err))
				return
			}
			if !yield(takeover.Object{Key: object.Key, Tag: object.ETag}, nil) {
				return
			}
		}
		// The client ends a cancelled listing as if it were complete.
		if err := ctx.Err(); err != nil {
			yield(takeover.Object{}, fmt.Errorf("former object store: list %s: %w", prefix, err))
		}
	}
}

// Get implements takeover.Objects.
func (b *Bucket) Get(ctx context.Context, key string) (body []byte, dated bool, err error) {
	object, err := b.client.GetObject(ctx, b.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, false, fmt.Errorf("former object store: %w", err)
	}
	defer func() { _ = object.Close() }()
	info, err := object.Stat()
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, false, takeover.ErrGone
	}
	if err == nil && info.Size > takeover.MaxObjectLen {
		return nil, false, takeover.ErrTooLong
	}
	if err == nil {
		body = make([]byte, info.Size)
		_, err = io.ReadFull(object, body)
	}
	if errors.Is(err, io.EOF) && len(body) == 0 {
		err = nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("former object store: get %s: %w", key, err)
	}
	expiry := info.UserMetadata[http.CanonicalHeaderKey(blobs.ExpiryMetadata)]
	return body, !blobs.ParseExpiry(expiry).IsZero(), nil
}
