package evidence

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/fault"
)

// Prefix begins the keys of everything that this package stores.
const Prefix = "evidence/"

// ErrTiles says that the stored hashes are not those of the checkpoint.
var ErrTiles = fault.Permanent(errors.New("evidence: the stored hashes are not those of the checkpoint"))

// Store is the evidence in an object store.
type Store struct {
	Blobs blobs.Store
	// Verifier is the gateway's public key: what it did not sign is refused.
	Verifier note.Verifier
}

// Latest returns the newest checkpoint of the stream, or blobs.ErrNotFound. Should
// the object that holds it be lost, that is the one of the greatest size: history is
// not signed anew while there is any checkpoint.
func (s Store) Latest(ctx context.Context, stream string) (Signed, error) {
	latest, err := s.checkpoint(ctx, stream, latestKey(stream))
	if !errors.Is(err, blobs.ErrNotFound) {
		return latest, err
	}
	sizes, listErr := s.Sizes(ctx, stream)
	if listErr != nil || len(sizes) == 0 {
		return latest, errors.Join(err, listErr)
	}
	return s.At(ctx, stream, sizes[len(sizes)-1])
}

// At returns the checkpoint of this size, or blobs.ErrNotFound if none was signed.
func (s Store) At(ctx context.Context, stream string, size int64) (Signed, error) {
	return s.checkpoint(ctx, stream, checkpointKey(stream, size))
}

// Sizes returns the sizes of all checkpoints of the stream, ascending.
func (s Store) Sizes(ctx context.Context, stream string) ([]int64, error) {
	var sizes []int64
	prefix := Prefix + stream + "/checkpoints/"
	for info, err := range s.Blobs.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("evidence: checkpoints of %s: %w", stream, err)
		}
		if size, err := strconv.ParseInt(strings.TrimPrefix(info.Key, prefix), 10, 64); err == nil {
			sizes = append(sizes, size)
		}
	}
	return sizes, nil
}

func (s Store) checkpoint(ctx context.Context, stream, key string) (Signed, error) {
	text, _, err := s.Blobs.Get(ctx, key)
	if err != nil {
		return Signed{}, fmt.Errorf("evidence: %s: %w", key, err)
	}
	signed, err := OpenCheckpoint(text, s.Verifier)
	if err == nil && signed.Stream != stream {
		err = fmt.Errorf("%w: it is one of %s", ErrCheckpoint, signed.Stream)
	}
	if err != nil {
		return Signed{}, fmt.Errorf("evidence: %s: %w", key, err)
	}
	return signed, nil
}

// putCheckpoint publishes a checkpoint whose tiles are stored.
func (s Store) putCheckpoint(ctx context.Context, c Signed) error {
	for _, key := range []string{checkpointKey(c.Stream, c.Size), latestKey(c.Stream)} {
		if err := s.Blobs.Put(ctx, key, c.Note, blobs.Meta{ContentType: "text/plain"}); err != nil {
			return fmt.Errorf("evidence: put %s: %w", key, err)
		}
	}
	return nil
}

func (s Store) putTile(ctx context.Context, stream string, t FullTile) error {
	if err := s.Blobs.Put(ctx, tileKey(stream, t.Tile), t.Data, blobs.Meta{}); err != nil {
		return fmt.Errorf("evidence: put %s: %w", tileKey(stream, t.Tile), err)
	}
	return nil
}

// Tile returns the hashes of a tile. A partial one may be cut from a wider one,
// which replaced it when the tree grew.
func (s Store) Tile(ctx context.Context, stream string, t tlog.Tile) ([]byte, error) {
	if t.H != TileHeight || t.L < 0 || t.W < 1 || t.W > tileWidth {
		return nil, fmt.Errorf("evidence: tile %s: %w", t.Path(), blobs.ErrInvalid)
	}
	full := t
	full.W = tileWidth
	keys := []string{tileKey(stream, t)}
	if t.W < tileWidth {
		keys = append(keys, tileKey(stream, full))
		for info, err := range s.Blobs.List(ctx, tileKey(stream, full)+".p/") {
			if err != nil {
				return nil, fmt.Errorf("evidence: list tiles: %w", err)
			}
			keys = append(keys, info.Key)
		}
	}
	for _, key := range keys {
		data, _, err := s.Blobs.Get(ctx, key)
		if err == nil && len(data) >= t.W*tlog.HashSize {
			return data[:t.W*tlog.HashSize], nil
		}
		if err != nil && !errors.Is(err, blobs.ErrNotFound) {
			return nil, fmt.Errorf("evidence: %s: %w", key, err)
		}
	}
	return nil, fmt.Errorf("evidence: tile %s of %s: %w", t.Path(), stream, blobs.ErrNotFound)
}

// edge returns the right edge of the tree of a checkpoint, which it verifies.
func (s Store) edge(ctx context.Context, c Checkpoint) (*Edge, error) {
	e := &Edge{size: c.Size}
	for _, t := range edgeTiles(c.Size) {
		hashes := make([]tlog.Hash, 0, tileWidth)
		if t.W > 0 {
			data, err := s.Tile(ctx, c.Stream, t)
			if err != nil {
				return nil, err
			}
			hashes = append(hashes, splitTile(data)...)
		}
		e.levels = append(e.levels, hashes)
	}
	if e.Root() != c.Root {
		return nil, fmt.Errorf("%w of %s at %d", ErrTiles, c.Stream, c.Size)
	}
	return e, nil
}

func tileKey(stream string, t tlog.Tile) string { return Prefix + stream + "/" + t.Path() }

func latestKey(stream string) string { return Prefix + stream + "/checkpoint" }

// checkpointKey pads the size, so that keys sort by it.
func checkpointKey(stream string, size int64) string {
	return fmt.Sprintf("%s%s/checkpoints/%020d", Prefix, stream, size)
}
