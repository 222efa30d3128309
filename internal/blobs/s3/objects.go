package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	"github.com/minio/minio-go/v7"

	"awala.network/gateway/internal/blobs"
)

// putIDMetadata is the name of the user metadata with a random id of the Put.
const putIDMetadata = "awala-put-id"

// Put implements blobs.Store.
func (s *Store) Put(ctx context.Context, key string, body []byte, m blobs.Meta) error {
	m, err := blobs.CheckPut(key, body, m)
	if err != nil {
		return err
	}
	id := rand.Text()
	_, err = s.client.Client.PutObject(ctx, s.bucket, key, bytes.NewReader(body), int64(len(body)), putOptions(m, id))
	lost := unanswered(err)
	if err = classify(ctx, err); m.IfAbsent && (lost || errors.Is(err, blobs.ErrExists)) {
		err = s.settle(ctx, key, id, err)
	}
	if err != nil {
		return fmt.Errorf("put blob %s: %w", key, err)
	}
	return nil
}

func putOptions(m blobs.Meta, id string) minio.PutObjectOptions {
	options := minio.PutObjectOptions{
		ContentType:      m.ContentType,
		DisableMultipart: true,
		UserMetadata:     map[string]string{putIDMetadata: id},
	}
	if !m.ExpiresAt.IsZero() {
		options.UserMetadata[blobs.ExpiryMetadata] = blobs.FormatExpiry(m.ExpiresAt)
	}
	if m.IfAbsent {
		options.SetMatchETagExcept("*")
	}
	return options
}

// settle finds out what became of a conditional PUT called id that ended with
// err, which is a lost answer or blobs.ErrExists. It returns nil if this PUT's
// object is there, and blobs.ErrExists if another one is. If there is none, a
// lost answer stays lost, and the other is not believed, because that would lose
// the body: versitygw gives it when a DELETE in the same folder crossed a PUT.
func (s *Store) settle(ctx context.Context, key, id string, err error) error {
	info, statErr := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	switch {
	case statErr == nil && info.UserMetadata[http.CanonicalHeaderKey(putIDMetadata)] == id:
		return nil
	case statErr == nil && !errors.Is(err, blobs.ErrExists):
		return fmt.Errorf("%w: %w", blobs.ErrExists, err)
	case statErr != nil && errors.Is(err, blobs.ErrExists):
		return fmt.Errorf("%w, but %s", errContradiction, statErr)
	default:
		return err
	}
}

// Get implements blobs.Store. A body that ends early is a transient error.
func (s *Store) Get(ctx context.Context, key string) ([]byte, blobs.Meta, error) {
	if err := blobs.CheckKey(key); err != nil {
		return nil, blobs.Meta{}, err
	}
	r, info, _, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, blobs.Meta{}, fmt.Errorf("get blob %s: %w", key, classify(ctx, err))
	}
	body, err := readBody(r, info.Size)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, blobs.Meta{}, fmt.Errorf("get blob %s: %w", key, classify(ctx, err))
	}
	return body, meta(info), nil
}

func readBody(r io.Reader, size int64) ([]byte, error) {
	if size < 0 || size > blobs.MaxBodyLen {
		return nil, fmt.Errorf("%w: object of %d octets", blobs.ErrCorrupt, size)
	}
	body := make([]byte, size)
	_, err := io.ReadFull(r, body)
	return body, err
}

// Stat implements blobs.Store. S3 answers HEAD without a body, so a bucket that
// does not exist looks like an object that does not.
func (s *Store) Stat(ctx context.Context, key string) (blobs.Info, error) {
	if err := blobs.CheckKey(key); err != nil {
		return blobs.Info{}, err
	}
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return blobs.Info{}, fmt.Errorf("stat blob %s: %w", key, classify(ctx, err))
	}
	return blobs.Info{Key: key, Size: info.Size, StoredAt: info.LastModified.UTC(), Meta: meta(info)}, nil
}

// meta returns the metadata of an object. HTTP changes the case of its names.
func meta(info minio.ObjectInfo) blobs.Meta {
	m := blobs.Meta{ContentType: info.ContentType}
	if expiry, ok := info.UserMetadata[http.CanonicalHeaderKey(blobs.ExpiryMetadata)]; ok {
		m.ExpiresAt = blobs.ParseExpiry(expiry)
	}
	return m
}

// Delete implements blobs.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := blobs.CheckKey(key); err != nil {
		return err
	}
	err := s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
	if err = classify(ctx, err); err != nil && !errors.Is(err, blobs.ErrNotFound) {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	return nil
}

// List implements blobs.Store; a page has up to 1,000 objects.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[blobs.Info, error] {
	return func(yield func(blobs.Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		options := minio.ListObjectsOptions{Prefix: prefix, Recursive: true}
		for object := range s.client.ListObjectsIter(ctx, s.bucket, options) {
			if object.Err != nil {
				yield(blobs.Info{}, fmt.Errorf("list blobs under %q: %w", prefix, classify(ctx, object.Err)))
				return
			}
			if blobs.CheckKey(object.Key) != nil {
				continue // not of our making, as the "folders" of some tools
			}
			info := blobs.Info{Key: object.Key, Size: object.Size, StoredAt: object.LastModified.UTC()}
			if !yield(info, nil) {
				return
			}
		}
		// The client ends a cancelled listing as if it were complete.
		if err := ctx.Err(); err != nil {
			yield(blobs.Info{}, fmt.Errorf("list blobs under %q: %w", prefix, err))
		}
	}
}
