package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataDirIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "data")
	dir, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.close() }()
	sub, err := dir.sub("keys")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, sub} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	if again, err := dir.sub("keys"); err != nil || again != sub {
		t.Errorf("again: %s, %v", again, err)
	}
}

func TestDataDirHasOneUser(t *testing.T) {
	path := t.TempDir()
	first, err := openDataDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDataDir(path); err == nil || !strings.Contains(err.Error(), "another gateway is running on it") {
		t.Errorf("second: %v", err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	third, err := openDataDir(path)
	if err != nil {
		t.Fatal("after the first closed:", err)
	}
	_ = third.close()
}

func TestDataDirOfOthers(t *testing.T) {
	tests := map[string]struct {
		mode     os.FileMode
		contents []string
		wantMode os.FileMode // 0 if refused
	}{
		"empty and open":            {0o777, nil, 0o700},
		"ours and open":             {0o755, []string{lockName}, 0o700},
		"foreign and readable":      {0o755, []string{"lost+found"}, 0o755},
		"foreign and writable":      {0o775, []string{"theirs"}, 0},
		"foreign, private to owner": {0o700, []string{"mine"}, 0o700},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			for _, file := range tt.contents {
				if err := os.WriteFile(filepath.Join(path, file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			dir, err := openDataDir(path)
			if tt.wantMode == 0 {
				if err == nil {
					t.Error("accepted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = dir.close()
			if info, _ := os.Stat(path); info.Mode().Perm() != tt.wantMode {
				t.Errorf("mode %04o", info.Mode().Perm())
			}
		})
	}
}

func TestDefaultDataDir(t *testing.T) {
	t.Setenv("HOME", "/home/awala")
	for data, want := range map[string]string{
		"":          "/home/awala/.local/share/awala-gateway",
		"/srv/data": "/srv/data/awala-gateway",
		"relative":  "/home/awala/.local/share/awala-gateway", // XDG: relative paths are invalid
	} {
		t.Setenv("XDG_DATA_HOME", data)
		if got, err := defaultDataDir(); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", data, got, err, want)
		}
	}
}
