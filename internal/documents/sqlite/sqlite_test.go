package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/documentstest"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *sqlite.Database {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestConformance(t *testing.T) {
	documentstest.Run(t, func(t *testing.T) documentstest.Fixture {
		path := filepath.Join(t.TempDir(), "odd name #?%.sqlite")
		return documentstest.Fixture{
			Open: func(t *testing.T) documents.Database { return open(t, path) },
			OpenFaulty: func(t *testing.T) (documents.Database, func(documentstest.Fault)) {
				db := open(t, path)
				return db, func(f documentstest.Fault) { db.FailNext(f == documentstest.Stored) }
			},
		}
	})
}

func TestOpenDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "damaged.sqlite")
	if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), path)
	if !fault.IsFatal(err) || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("Open() = %v, want a fatal error with its remedy", err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.sqlite")
	db := open(t, path)
	defer db.Close(t.Context())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", info.Name(), mode)
		}
	}
}

func BenchmarkSQLite(b *testing.B) {
	documentstest.Benchmark(b, 100_000, func(b *testing.B) documents.Database {
		return open(b, filepath.Join(b.TempDir(), "bench.sqlite"))
	})
}
