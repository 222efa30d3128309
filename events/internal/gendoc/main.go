// Command gendoc writes docs/events.md, the catalogue of channels and events,
// from the source of package events: what the code says of a type is what its
// readers are told.
//
// Run it in the root of the repository:
//
//	go run ./events/internal/gendoc
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

// catalogue is the file that gendoc writes, below the root of the repository.
var catalogue = filepath.Join("docs", "events.md")

func run(root string) error {
	content, err := generate(filepath.Join(root, "events"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, catalogue), content, 0o644)
}
