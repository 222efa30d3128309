package documentstest

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"awala.network/gateway/internal/documents"
)

// Benchmark measures a store with documents of about 500 octets: bulk replaces of
// new documents by the hundred, live replaces one by one with a checkpoint each,
// reads by id, and pages of ten of a list. The reads are from a collection of that
// size.
func Benchmark(b *testing.B, size int, open func(b *testing.B) documents.Database) {
	b.Run("Replace100", func(b *testing.B) {
		c := benchCollection(b, open(b), 0)
		batch, next := make([]documents.Document, 100), 0
		for b.Loop() {
			for i := range batch {
				batch[i] = benchDocument(next + i)
			}
			next += len(batch)
			mustBench(b, c.Replace(b.Context(), batch))
		}
		b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "docs/s")
	})
	b.Run("Replace1AndCheckpoint", func(b *testing.B) {
		c, next := benchCollection(b, open(b), 0), 0
		for b.Loop() {
			next++
			mustBench(b, c.Replace(b.Context(), []documents.Document{benchDocument(next)}))
			mustBench(b, c.SaveCheckpoint(b.Context(), uint64(next)))
		}
	})
	b.Run("Get", func(b *testing.B) {
		c := benchCollection(b, open(b), size)
		var next atomic.Int64
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, err := c.Get(b.Context(), numbered(int(next.Add(7919)%int64(size))))
				mustBench(b, err)
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "gets/s")
	})
	b.Run("Find10", func(b *testing.B) {
		c, next := benchCollection(b, open(b), size), 0
		for b.Loop() {
			next++
			docs, err := c.Find(b.Context(), documents.Query{Key: "owner", Value: numbered(next % 100), Limit: 10})
			mustBench(b, err)
			if len(docs) != min(10, size/100) {
				b.Fatalf("%d documents", len(docs))
			}
		}
	})
}

// benchCollection opens a fresh collection with n documents of a hundred owners.
func benchCollection(b *testing.B, db documents.Database, n int) documents.Collection {
	b.Helper()
	b.Cleanup(func() { mustBench(b, db.Close(context.WithoutCancel(b.Context()))) })
	mustBench(b, db.Drop(b.Context(), "bench"))
	c, err := db.Collection(b.Context(), "bench", []string{"owner"})
	mustBench(b, err)
	for start := 0; start < n; start += 500 {
		var batch []documents.Document
		for i := start; i < min(start+500, n); i++ {
			batch = append(batch, benchDocument(i))
		}
		mustBench(b, c.Replace(b.Context(), batch))
	}
	return c
}

func benchDocument(i int) documents.Document {
	d := doc(numbered(i), uint64(i+1))
	d.Keys = map[string]string{"owner": numbered(i % 100)}
	d.Body = json.RawMessage(`{"parcel_id":"` + numbered(i) + `","size":1024,"sha256":"` + strings.Repeat("0123456789abcdef", 4) +
		`","blob":"parcels/gateway-bound/` + strings.Repeat("0123456789abcdef", 8) + `","states":["accepted","offered","collected"]}`)
	return d
}

func mustBench(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}
