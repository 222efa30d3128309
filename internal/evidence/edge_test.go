package evidence_test

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"awala.network/gateway/internal/evidence"
)

// storedHashes is tlog's own storage of a whole tree: the reference.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hashes[i] = s[x]
	}
	return hashes, nil
}

func reference(tb rapid.TB, leaves []tlog.Hash) storedHashes {
	tb.Helper()
	var s storedHashes
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf, s)
		if err != nil {
			tb.Fatal(err)
		}
		s = append(s, hashes...)
	}
	return s
}

func someLeaves(n int) []tlog.Hash {
	leaves := make([]tlog.Hash, n)
	for i := range leaves {
		leaves[i] = tlog.RecordHash(fmt.Append(nil, i))
	}
	return leaves
}

// TestEdgeIsTheTree holds the edge to tlog at every size: the same root, and in the
// end the same tiles.
func TestEdgeIsTheTree(t *testing.T) {
	const n = 2*256*3 + 77
	leaves := someLeaves(n)
	stored := reference(t, leaves)
	var edge evidence.Edge
	tiles := make(map[tlog.Tile][]byte)
	for size := 0; ; size++ {
		want, err := tlog.TreeHash(int64(size), stored)
		if err != nil {
			t.Fatal(err)
		}
		if got := edge.Root(); got != want || edge.Size() != int64(size) {
			t.Fatalf("root at %d is %v, want %v", size, got, want)
		}
		if size == n {
			break
		}
		for _, full := range edge.Add(leaves[size]) {
			tiles[full.Tile] = full.Data
		}
	}
	for _, partial := range edge.Partial() {
		tiles[partial.Tile] = partial.Data
	}
	want := tlog.NewTiles(evidence.TileHeight, 0, n)
	if len(tiles) != len(want) {
		t.Errorf("%d tiles, want %d", len(tiles), len(want))
	}
	for _, tile := range want {
		data, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(tiles[tile], data) {
			t.Errorf("tile %s differs", tile.Path())
		}
	}
}

// TestLeafTiles holds tiles made from leaves to tlog's.
func TestLeafTiles(t *testing.T) {
	const n = 700
	leaves := someLeaves(n)
	stored := reference(t, leaves)
	tiles := evidence.LeafTiles(leaves)
	for _, tile := range tlog.NewTiles(evidence.TileHeight, 0, n) {
		want, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tiles(t.Context(), tile)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("tile %s differs: %v", tile.Path(), err)
		}
	}
	if _, err := tiles(t.Context(), tlog.Tile{H: evidence.TileHeight, N: 2, W: 256}); err == nil {
		t.Error("a tile past the last leaf")
	}
}

// TestProofs makes proofs of random trees and lets tlog check them; any other
// leaf, position or root fails.
func TestProofs(t *testing.T) {
	all := someLeaves(1200)
	stored := reference(t, all)
	rapid.Check(t, func(rt *rapid.T) {
		newer := rapid.Int64Range(1, int64(len(all))).Draw(rt, "newer")
		older := rapid.Int64Range(0, newer).Draw(rt, "older")
		n, o := checkpointAt(rt, stored, newer), checkpointAt(rt, stored, older)
		tiles := evidence.LeafTiles(all[:newer])
		if _, err := evidence.Extends(t.Context(), n, o, tiles); err != nil {
			rt.Fatalf("%d extends %d: %v", newer, older, err)
		}
		if older > 0 {
			o.Root[0] ^= 1
			if _, err := evidence.Extends(t.Context(), n, o, tiles); err == nil {
				rt.Fatal("a checkpoint extends another history")
			}
		}
		sequence := rapid.Uint64Range(1, uint64(newer)).Draw(rt, "sequence")
		proof, err := evidence.Include(t.Context(), evidence.Signed{Checkpoint: n}, tiles, sequence)
		if err != nil {
			rt.Fatal(err)
		}
		index := int64(sequence) - 1
		if err := tlog.CheckRecord(proof.Hashes, newer, n.Root, index, all[index]); err != nil {
			rt.Fatal(err)
		}
		if err := tlog.CheckRecord(proof.Hashes, newer, n.Root, index, tlog.RecordHash([]byte("x"))); err == nil {
			rt.Fatal("another leaf is proven")
		}
	})
}

func checkpointAt(tb rapid.TB, stored storedHashes, size int64) evidence.Checkpoint {
	tb.Helper()
	root, err := tlog.TreeHash(size, stored)
	if err != nil {
		tb.Fatal(err)
	}
	return evidence.Checkpoint{Gateway: "gw.example.com", Stream: "PDC_PARCELS", Size: size, Root: root}
}
