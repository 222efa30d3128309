package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedCommands holds every command line in the operators' documents to the
// commands and flags that there are.
func TestDocumentedCommands(t *testing.T) {
	written := regexp.MustCompile("(?m)(?:^ {4,}|`|: |&& )(?:awala-gateway|go run ./cmd/awala-gateway) ([a-z][^`\n#]*)")
	for _, name := range []string{"operations.md", "install.md", "takeover.md", "backup.md"} {
		text, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		found := written.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\\\n", " "), -1)
		for _, m := range found {
			line, _, _ := strings.Cut(strings.TrimRight(m[1], ". :"), " &&")
			args := strings.Fields(strings.ReplaceAll(line, "...", "x"))
			root := newRoot(nil)
			root.InitDefaultCompletionCmd()
			command, rest, err := root.Find(args)
			if err != nil || (command.HasSubCommands() && len(rest) > 0) {
				t.Errorf("%s: awala-gateway %s: no such command", name, line)
				continue
			}
			if err := command.ParseFlags(rest); err != nil {
				t.Errorf("%s: awala-gateway %s: %v", name, line, err)
			}
		}
		if len(found) < 5 {
			t.Errorf("%s: only %d command lines found", name, len(found))
		}
	}
}
