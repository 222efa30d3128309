package files_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
)

// BenchmarkPut stores bodies of several sizes, each in a file of its own and together
// in the database, by 64 callers at once. Give a count (-benchtime=2000x): what is put
// stays.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{5 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10} {
		for how, together := range map[string]int{"apart": 0, "together": 1 << 20} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, how), func(b *testing.B) { benchmarkPut(b, size, together) })
		}
	}
}

func benchmarkPut(b *testing.B, size, together int) {
	store, err := files.Open(b.TempDir(), files.Options{MaxBytes: 1 << 40, MinFreeBytes: 1, Together: together})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	body := make([]byte, size)
	var number atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	before := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := number.Add(1)
			key := fmt.Sprintf("parcels/gateway-bound/%02x/%d", n%256, n)
			if err := store.Put(b.Context(), key, body, blobs.Meta{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric((cpuTime(b)-before)/float64(b.N), "cpu-us/op")
}

// cpuTime returns the CPU time, user and system, of this process in microseconds.
func cpuTime(b *testing.B) float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1000
}
