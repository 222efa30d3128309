package evidence

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is the height of the tiles: 256 hashes in a full one.
const TileHeight = 8

const tileWidth = 1 << TileHeight

// Edge is the right edge of a Merkle tree: its partial tiles, which are all that
// is needed to let it grow. The zero value is the empty tree.
type Edge struct {
	size int64
	// levels are the hashes of the partial tile at each level of tiles, fewer than
	// tileWidth each.
	levels [][]tlog.Hash
}

// Size is the number of leaves.
func (e *Edge) Size() int64 { return e.size }

// Add appends a leaf and returns the tiles that it filled, lowest first.
func (e *Edge) Add(leaf tlog.Hash) []FullTile {
	var full []FullTile
	e.size++
	for level, h := 0, leaf; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, make([]tlog.Hash, 0, tileWidth))
		}
		e.levels[level] = append(e.levels[level], h)
		if len(e.levels[level]) < tileWidth {
			return full
		}
		t := tlog.Tile{H: TileHeight, L: level, N: e.size>>(TileHeight*(level+1)) - 1, W: tileWidth}
		full = append(full, FullTile{t, tileData(e.levels[level])})
		h = subtree(e.levels[level])
		e.levels[level] = e.levels[level][:0]
	}
}

// FullTile is a tile with its hashes.
type FullTile struct {
	Tile tlog.Tile
	Data []byte
}

// Partial returns the partial tiles, lowest first.
func (e *Edge) Partial() []FullTile {
	var tiles []FullTile
	for i, t := range edgeTiles(e.size) {
		if t.W > 0 {
			tiles = append(tiles, FullTile{t, tileData(e.levels[i])})
		}
	}
	return tiles
}

// edgeTiles returns the coordinates of the partial tile at each level of a tree;
// its width is 0 where there is none.
func edgeTiles(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for level := 0; size>>(TileHeight*level) > 0; level++ {
		n := size >> (TileHeight * level)
		tiles = append(tiles, tlog.Tile{H: TileHeight, L: level, N: n >> TileHeight, W: int(n % tileWidth)})
	}
	return tiles
}

// Root returns the tree's hash (RFC 6962 §2.1).
func (e *Edge) Root() tlog.Hash {
	var peaks []tlog.Hash // of the perfect subtrees, left to right
	for level := len(e.levels) - 1; level >= 0; level-- {
		hashes := e.levels[level]
		for width := tileWidth; width > 0; width /= 2 {
			if len(hashes) >= width {
				peaks = append(peaks, subtree(hashes[:width]))
				hashes = hashes[width:]
			}
		}
	}
	if len(peaks) == 0 {
		return sha256.Sum256(nil)
	}
	root := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(peaks[i], root)
	}
	return root
}

// subtree returns the hash of a perfect tree of at least one leaf.
func subtree(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(subtree(hashes[:half]), subtree(hashes[half:]))
}

func tileData(hashes []tlog.Hash) []byte {
	data := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data
}

// splitTile is the inverse of tileData.
func splitTile(data []byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(data)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], data[i*tlog.HashSize:])
	}
	return hashes
}
