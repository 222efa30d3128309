package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cpuTime returns the CPU time, user and system, that a process has used.
func cpuTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		tb.Fatal(err)
	}
	// The fields after the command, which stands in parentheses (proc(5)):
	// utime is the 12th of them, stime the 13th, in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// servicesCPU returns the CPU time of the services, the three NATS servers together,
// and FerretDB with the PostgreSQL behind it.
func servicesCPU(b *testing.B) map[string]time.Duration {
	b.Helper()
	folder := os.Getenv("AWALA_TEST_SERVICES")
	used := map[string]time.Duration{}
	for file, name := range map[string]string{"nats-1": "nats", "nats-2": "nats", "nats-3": "nats", "versitygw": "s3", "ferretdb": "mongodb", "vault": "vault"} {
		if pid, err := pidIn(filepath.Join(folder, file+".pid")); err == nil {
			used[name] += cpuTime(b, pid)
		}
	}
	data, err := os.ReadFile(filepath.Join(folder, "postgres.dir"))
	if err != nil {
		b.Fatal(err)
	}
	postgres, err := pidIn(filepath.Join(strings.TrimSpace(string(data)), "data", "postmaster.pid"))
	if err != nil {
		b.Fatal(err)
	}
	used["mongodb"] += familyCPU(b, postgres)
	return used
}

// pidIn reads a process's id from the first line of a file.
func pidIn(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(strings.TrimSpace(line))
}

// familyCPU returns the CPU time of a process and of its children that live.
func familyCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	used := cpuTime(b, pid)
	children, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		b.Fatal(err)
	}
	for child := range strings.FieldsSeq(string(children)) {
		if id, err := strconv.Atoi(child); err == nil {
			used += cpuTime(b, id)
		}
	}
	return used
}
