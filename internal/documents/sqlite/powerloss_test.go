package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"awala.network/gateway/internal/documents"
)

// TestPowerLoss cuts the log short at many places, as a power loss may, and checks
// that whatever is left has no checkpoint ahead of its documents.
func TestPowerLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.sqlite")
	db := open(t, path)
	defer db.Close(t.Context())
	c, err := db.Collection(t.Context(), "mailbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	base := read(t, path)
	for position := uint64(1); position <= 30; position++ {
		doc := documents.Document{ID: id(position), Position: position, Body: []byte(`{}`)}
		if err := c.Replace(t.Context(), []documents.Document{doc}); err != nil {
			t.Fatal(err)
		}
		if err := c.SaveCheckpoint(t.Context(), position); err != nil {
			t.Fatal(err)
		}
	}
	log := read(t, path+"-wal")
	if len(log) < 100_000 {
		t.Fatalf("the log holds only %d octets: it was emptied on the way", len(log))
	}
	var last uint64
	for length := 0; length <= len(log); length += 3001 {
		last = max(last, afterPowerLoss(t, base, log[:length]))
	}
	if last < 20 {
		t.Errorf("the greatest checkpoint that was ever left is %d", last)
	}
}

// afterPowerLoss opens what is left and returns its checkpoint.
func afterPowerLoss(t *testing.T, base, log []byte) uint64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "left.sqlite")
	for name, content := range map[string][]byte{path: base, path + "-wal": log} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db := open(t, path)
	defer db.Close(t.Context())
	c, err := db.Collection(t.Context(), "mailbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := c.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for position := uint64(1); position <= checkpoint; position++ {
		if _, err := c.Get(t.Context(), id(position)); err != nil {
			t.Fatalf("log of %d octets, checkpoint %d: %v", len(log), checkpoint, err)
		}
	}
	return checkpoint
}

func id(position uint64) string { return fmt.Sprintf("document-%d", position) }

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
