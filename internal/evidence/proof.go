package evidence

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
)

// ErrProof says that a proof does not prove what it claims.
var ErrProof = fault.Permanent(errors.New("evidence: the proof does not hold"))

// Tiles reads the stored hashes of one stream; [Store.Tile] is one, of a stream.
type Tiles func(ctx context.Context, t tlog.Tile) ([]byte, error)

// Inclusion proves that an event is in the tree of a checkpoint.
type Inclusion struct {
	// Checkpoint is the signed note.
	Checkpoint string `json:"checkpoint"`
	// Hashes are those beside the way from the leaf to the root, lowest first
	// (RFC 6962 §2.1.1).
	Hashes tlog.RecordProof `json:"hashes"`
}

// Include returns the proof that the event at the sequence is what the checkpoint
// signed for. The hashes come from tiles, which are verified.
func Include(ctx context.Context, c Signed, tiles Tiles, sequence uint64) (Inclusion, error) {
	if sequence < 1 || sequence > uint64(c.Size) {
		return Inclusion{}, fmt.Errorf("%w: %s %d is not among the %d events of the checkpoint", ErrProof, c.Stream, sequence, c.Size)
	}
	proof, err := tlog.ProveRecord(c.Size, int64(sequence)-1, tiles.hashes(ctx, c.Checkpoint))
	if err != nil {
		return Inclusion{}, fmt.Errorf("evidence: prove %s %d: %w", c.Stream, sequence, err)
	}
	return Inclusion{Checkpoint: string(c.Note), Hashes: proof}, nil
}

// Check verifies that the message is in the tree of the checkpoint, and that the
// checkpoint is signed by the key. It returns the checkpoint.
func (p Inclusion) Check(verifier note.Verifier, m events.Message) (Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), verifier)
	if err != nil {
		return Checkpoint{}, err
	}
	if m.Stream != c.Stream || m.Sequence < 1 || m.Sequence > uint64(c.Size) {
		return c.Checkpoint, fmt.Errorf("%w: %s %d is not in the checkpoint of %s at %d", ErrProof, m.Stream, m.Sequence, c.Stream, c.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, int64(m.Sequence)-1, LeafHash(m)); err != nil {
		return c.Checkpoint, fmt.Errorf("%w: %s %d: %w", ErrProof, m.Stream, m.Sequence, err)
	}
	return c.Checkpoint, nil
}

// Extends returns the proof that the tree of newer begins with that of older
// (RFC 6962 §2.1.2), checked against both. The hashes come from the tiles of newer.
func Extends(ctx context.Context, newer, older Checkpoint, tiles Tiles) (tlog.TreeProof, error) {
	switch {
	case newer.Stream != older.Stream || newer.Gateway != older.Gateway:
		return nil, fmt.Errorf("%w: %s of %s cannot extend %s of %s", ErrProof, newer.Stream, newer.Gateway, older.Stream, older.Gateway)
	case older.Size > newer.Size:
		return nil, fmt.Errorf("%w: the checkpoint at %d cannot extend the one at %d", ErrProof, newer.Size, older.Size)
	case older.Size == 0:
		return nil, nil
	}
	proof, err := tlog.ProveTree(newer.Size, older.Size, tiles.hashes(ctx, newer))
	if err != nil {
		return nil, fmt.Errorf("evidence: prove that %s at %d extends %d: %w", newer.Stream, newer.Size, older.Size, err)
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return nil, fmt.Errorf("%w: the checkpoint of %s at %d does not extend the one at %d: history was rewritten in between",
			ErrProof, newer.Stream, newer.Size, older.Size)
	}
	return proof, nil
}

// hashes reads hashes of the checkpoint's tree from tiles, and verifies them.
func (t Tiles) hashes(ctx context.Context, c Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, tileReader{ctx, t})
}

// tileReader makes a tlog.TileReader of Tiles, for one call.
type tileReader struct {
	ctx   context.Context
	tiles Tiles
}

// Height is that of every tile.
func (tileReader) Height() int { return TileHeight }

// SaveTiles does nothing: tiles are not cached.
func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles reads each tile.
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if data[i], err = r.tiles(r.ctx, t); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// Leaves yields the leaves of the first size events, from the tiles at the lowest
// level.
func (t Tiles) Leaves(ctx context.Context, size int64) iter.Seq2[tlog.Hash, error] {
	return func(yield func(tlog.Hash, error) bool) {
		for n := int64(0); n*tileWidth < size; n++ {
			width := int(min(size-n*tileWidth, tileWidth))
			data, err := t(ctx, tlog.Tile{H: TileHeight, N: n, W: width})
			if err != nil {
				yield(tlog.Hash{}, err)
				return
			}
			for _, h := range splitTile(data) {
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// LeafTiles returns the tiles of a tree whose leaves are at hand.
func LeafTiles(leaves []tlog.Hash) Tiles {
	return func(_ context.Context, t tlog.Tile) ([]byte, error) {
		width := int64(1) << (TileHeight * t.L) // leaves under each hash
		first, last := t.N*tileWidth*width, (t.N*tileWidth+int64(t.W))*width
		if last > int64(len(leaves)) {
			return nil, fmt.Errorf("%w: tile %s of %d hashes", ErrLeaves, t.Path(), len(leaves))
		}
		hashes := make([]tlog.Hash, t.W)
		for i := range hashes {
			from := first + int64(i)*width
			hashes[i] = subtree(leaves[from : from+width])
		}
		return tileData(hashes), nil
	}
}
