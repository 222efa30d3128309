package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/durable"
)

// Get implements blobs.Store. A file that is damaged is blobs.ErrCorrupt.
func (s *Store) Get(ctx context.Context, key string) ([]byte, blobs.Meta, error) {
	if body, meta, err := s.getRow(ctx, key); !errors.Is(err, blobs.ErrNotFound) {
		if err != nil {
			return nil, blobs.Meta{}, fmt.Errorf("get blob %s: %w", key, err)
		}
		return body, meta, nil
	}
	var body []byte
	info, err := s.open(ctx, key, func(f durable.File, h header) (err error) {
		body, err = readBody(f, h)
		return err
	})
	if err != nil {
		return nil, blobs.Meta{}, fmt.Errorf("get blob %s: %w", key, err)
	}
	return body, info.Meta, nil
}

// getRow returns an object of the database, or blobs.ErrNotFound.
func (s *Store) getRow(ctx context.Context, key string) ([]byte, blobs.Meta, error) {
	if s.together == nil {
		return nil, blobs.Meta{}, blobs.ErrNotFound
	}
	return s.together.read(ctx, key)
}

// Stat implements blobs.Store.
func (s *Store) Stat(ctx context.Context, key string) (blobs.Info, error) {
	if s.together != nil {
		if info, err := s.together.describe(ctx, key); err == nil {
			return info, nil
		} else if !errors.Is(err, blobs.ErrNotFound) {
			return blobs.Info{}, fmt.Errorf("stat blob %s: %w", key, err)
		}
	}
	info, err := s.open(ctx, key, func(durable.File, header) error { return nil })
	if err != nil {
		return blobs.Info{}, fmt.Errorf("stat blob %s: %w", key, err)
	}
	return info, nil
}

// open opens the object's file, reads the header, and lets use read on.
func (s *Store) open(ctx context.Context, key string, use func(durable.File, header) error) (_ blobs.Info, err error) {
	if err := blobs.CheckKey(key); err != nil {
		return blobs.Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return blobs.Info{}, err
	}
	f, err := s.fs.Open(s.place(key).file)
	if errors.Is(err, fs.ErrNotExist) {
		return blobs.Info{}, blobs.ErrNotFound
	}
	if err != nil {
		return blobs.Info{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stat, err := f.Stat()
	if err != nil {
		return blobs.Info{}, err
	}
	h, err := readHeader(f)
	if err != nil {
		return blobs.Info{}, err
	}
	if stat.Size() != headerLen+h.size {
		return blobs.Info{}, fmt.Errorf("%w: file of %d octets", blobs.ErrCorrupt, stat.Size())
	}
	info := blobs.Info{Key: key, Size: h.size, StoredAt: stat.ModTime().UTC(), Meta: h.meta}
	return info, use(f, h)
}

func readHeader(f io.Reader) (header, error) {
	raw := make([]byte, headerLen)
	if _, err := io.ReadFull(f, raw); err != nil {
		return header{}, short(err)
	}
	return parseHeader(raw)
}

func readBody(f io.Reader, h header) ([]byte, error) {
	body := make([]byte, h.size)
	if _, err := io.ReadFull(f, body); err != nil {
		return nil, short(err)
	}
	return body, h.check(body)
}

// short marks the early end of a file as damage, unlike a failure to read it.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: file is cut short", blobs.ErrCorrupt)
	}
	return err
}
