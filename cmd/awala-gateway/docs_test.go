package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// TestDocumentedTests holds the documents to the tests that they name as evidence, each
// after the folder that it is in.
func TestDocumentedTests(t *testing.T) {
	there := map[string][]string{} // test, folders
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	files := map[string]bool{} // folders with tests
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "node_modules"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(path)
		folder, _ := filepath.Rel("../..", filepath.Dir(path))
		for _, m := range function.FindAllStringSubmatch(string(content), -1) {
			there[m[1]] = append(there[m[1]], folder)
		}
		files[folder] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"architecture.md", "security.md", "backup.md"} {
		found, folder := 0, ""
		for _, m := range quoted.FindAllStringSubmatch(document(t, name), -1) {
			switch {
			case files[m[1]]:
				folder = m[1]
			case strings.HasSuffix(m[1], "..."): // several that begin alike
			case strings.HasPrefix(m[1], "Test"):
				found++
				if folders := there[m[1]]; !slices.Contains(folders, folder) {
					t.Errorf("%s: %s is not in %s, but in %q", name, m[1], folder, folders)
				}
			}
		}
		if found == 0 {
			t.Errorf("%s names no test", name)
		}
	}
}

// TestDocumentedLinks wants every file and section that a document links to.
func TestDocumentedLinks(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, file := range append(documents, "../../README.md") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(content), -1) {
			target, section, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			linked, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s: %v", file, err)
			} else if section != "" && !linked.IsDir() && !slices.Contains(sections(t, path), section) {
				t.Errorf("%s: %s has no section %s", file, path, section)
			}
		}
	}
}

// sections returns the anchors of a document's headings, as GitHub makes them.
func sections(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	other := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(content), -1) {
		all[strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return slices.Collect(maps.Keys(all))
}
