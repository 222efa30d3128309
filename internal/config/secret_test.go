package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"awala.network/gateway/internal/config"
)

func TestSecretFromFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, empty, long := file("good", "s3cret\n"), file("empty", "\n"), file("long", strings.Repeat("x", 5000))
	tests := map[string]struct {
		args, environ []string
		want, problem string
	}{
		"flag":                       {args: []string{"--keys-passphrase=a"}, want: "a"},
		"file":                       {args: []string{"--keys-passphrase-file=" + good}, want: "s3cret"},
		"file variable":              {environ: []string{"AWALA_KEYS_PASSPHRASE_FILE=" + good}, want: "s3cret"},
		"file flag beats variable":   {args: []string{"--keys-passphrase-file=" + good}, environ: []string{"AWALA_KEYS_PASSPHRASE=a"}, want: "s3cret"},
		"flag beats file variable":   {args: []string{"--keys-passphrase=a"}, environ: []string{"AWALA_KEYS_PASSPHRASE_FILE=" + good}, want: "a"},
		"both":                       {args: []string{"--keys-passphrase=a", "--keys-passphrase-file=" + good}, problem: "--keys-passphrase: is given together with --keys-passphrase-file"},
		"missing file":               {args: []string{"--keys-passphrase-file=/nowhere"}, problem: `--keys-passphrase-file "/nowhere": no such file or directory`},
		"empty file":                 {args: []string{"--keys-passphrase-file=" + empty}, problem: `--keys-passphrase-file "` + empty + `": the file is empty`},
		"file that cannot be meant":  {args: []string{"--keys-passphrase-file=" + long}, problem: `--keys-passphrase-file "` + long + `": want a file of at most 4096 octets`},
		"folder in place of a file ": {args: []string{"--keys-passphrase-file=" + dir}, problem: `--keys-passphrase-file "` + dir + `": is a directory`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src, _ := sources(t, "", tt.args, tt.environ)
			c, err := config.Load(src)
			if tt.problem != "" {
				if err == nil || err.Error() != tt.problem {
					t.Errorf("got  %v\nwant %s", err, tt.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Standalone.KeysPassphrase.Reveal(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSecretsAreNotPrinted tries the ways by which a value gets out.
func TestSecretsAreNotPrinted(t *testing.T) {
	src, _ := sources(t, "", []string{"--keys-passphrase=s3cret"}, nil)
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	if err := c.Write(&file); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprintf("%v %+v %q", c, *c, c.Standalone.KeysPassphrase), string(asJSON), file.String()} {
		if strings.Contains(out, "s3cret") {
			t.Errorf("printed: %s", out)
		}
	}
}
