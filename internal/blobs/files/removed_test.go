package files_test

import (
	"os"
	"path/filepath"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
)

// TestRemovedFolders shows that whoever removes folders of a store in use costs
// it no more than what was in them.
func TestRemovedFolders(t *testing.T) {
	dir := t.TempDir()
	store, err := files.Open(dir, files.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, removed := range []string{"objects/parcels", "objects/parcels/a/b"} {
		if err := store.Put(t.Context(), "parcels/a/b/one", []byte("1"), blobs.Meta{}); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, removed)); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), "parcels/a/b/two", []byte("2"), blobs.Meta{}); err != nil {
			t.Errorf("after %s was removed: %v", removed, err)
		}
	}
}
