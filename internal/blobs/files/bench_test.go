package files_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
)

func BenchmarkPut(b *testing.B) {
	for _, mode := range []string{"sequential", "parallel"} {
		b.Run(mode, func(b *testing.B) {
			store, err := files.Open(b.TempDir(), files.Options{MaxBytes: 1 << 40, MinFreeBytes: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			body := bytes.Repeat([]byte("x"), 1024)
			var mu sync.Mutex
			n := 0
			put := func() {
				mu.Lock()
				n++
				key := fmt.Sprintf("parcels/gateway-bound/%d/%d", n%10, n)
				mu.Unlock()
				if err := store.Put(b.Context(), key, body, blobs.Meta{IfAbsent: true}); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			if mode == "sequential" {
				for b.Loop() {
					put()
				}
				return
			}
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					put()
				}
			})
		})
	}
}
