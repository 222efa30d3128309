package projections_test

import (
	"runtime"
	"testing"

	"awala.network/gateway/projections"
)

// BenchmarkFind asks for an unknown parcel while the projection is up to date.
func BenchmarkFind(b *testing.B) {
	w := newWorld(b)
	for i := range 200 {
		w.append(b, accepted(0, i, 0, far))
	}
	if err := w.project(b.Context(), 500); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := w.reader.Find(b.Context(), gateway(0), key(999)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFindBehind does so while the projection lags by 200 records.
func BenchmarkFindBehind(b *testing.B) {
	w := newWorld(b)
	for i := range 200 {
		w.append(b, accepted(0, i, 0, far))
	}
	for b.Loop() {
		if _, err := w.reader.Find(b.Context(), gateway(0), key(999)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleFeed measures the memory of feeds that wait.
func BenchmarkIdleFeed(b *testing.B) {
	w := newWorld(b)
	const feeds = 2000
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		open := make([]*projections.Feed, 0, feeds)
		for i := range feeds {
			f, err := w.reader.Follow(b.Context(), gateway(i))
			if err != nil {
				b.Fatal(err)
			}
			open = append(open, f)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		grown := (after.HeapAlloc + after.StackInuse) - (before.HeapAlloc + before.StackInuse)
		b.ReportMetric(float64(grown)/feeds, "B/feed")
		for _, f := range open {
			f.Close()
		}
	}
}
