package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Bound is a memory limit that the kernel enforces as it does for a container: a
// control group, of version 1 or 2. Making one takes root.
type Bound struct{ folder string }

// file names in a control group: those of version 2, and of version 1.
var (
	boundLimit = []string{"memory.max", "memory.limit_in_bytes"}
	boundSwap  = []string{"memory.swap.max", "memory.memsw.limit_in_bytes"}
	boundPeak  = []string{"memory.peak", "memory.max_usage_in_bytes"}
)

// NewBound makes a control group under our own with the limit in octets; it is
// removed when the test ends, so a process in it must be started later.
func NewBound(t testing.TB, limit int64) *Bound {
	t.Helper()
	own, err := ownGroup()
	if err != nil {
		t.Fatalf("no memory limit can be set: %v", err)
	}
	b := &Bound{folder: filepath.Join(own, fmt.Sprintf("awala-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")))}
	if err := os.Mkdir(b.folder, 0o755); err != nil {
		t.Fatalf("no memory limit can be set: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(b.folder); err != nil {
			t.Errorf("remove the control group: %v", err)
		}
	})
	if err := b.write(boundLimit, strconv.FormatInt(limit, 10)); err != nil {
		t.Fatalf("no memory limit can be set: %v", err)
	}
	// Where the kernel does not account for swap there mostly is none.
	_ = b.write(boundSwap, strconv.FormatInt(limit, 10))
	return b
}

// ownGroup returns the folder of the control group of memory that we are in.
func ownGroup() (string, error) {
	lines, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	root := "/sys/fs/cgroup"
	for line := range strings.Lines(string(lines)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "memory" {
			return filepath.Join(root, "memory", parts[2]), nil
		}
		if _, err := os.Stat(filepath.Join(root, parts[2], "memory.max")); parts[1] == "" && err == nil {
			return filepath.Join(root, parts[2]), nil
		}
	}
	return "", errors.New("this process is in no control group of memory")
}

// write writes to the file of either version.
func (b *Bound) write(names []string, value string) (err error) {
	for _, name := range names {
		if err = os.WriteFile(filepath.Join(b.folder, name), []byte(value), 0o644); err == nil {
			return nil
		}
	}
	return err
}

// Peak returns the most memory, in octets, that was ever occupied. It includes files
// that the kernel keeps in memory as long as there is room.
func (b *Bound) Peak(t testing.TB) int64 {
	t.Helper()
	for _, name := range boundPeak {
		if text, err := os.ReadFile(filepath.Join(b.folder, name)); err == nil {
			peak, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return peak
		}
	}
	t.Fatal("the control group does not tell its peak")
	return 0
}

// command returns the command line that runs args within the bound.
func (b *Bound) command(args []string) []string {
	if b == nil {
		return args
	}
	script := fmt.Sprintf("echo $$ >%s && exec \"$0\" \"$@\"", filepath.Join(b.folder, "cgroup.procs"))
	return append([]string{"/bin/sh", "-c", script}, args...)
}
