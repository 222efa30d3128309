package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

// fill appends n parcel events, named e<first> and on.
func fill(tb testing.TB, s *site, first, n int) {
	tb.Helper()
	for i := first; i < first+n; i++ {
		if _, err := s.log.Append(tb.Context(), accepted(fmt.Sprintf("e%d", i), "0a")); err != nil {
			tb.Fatal(err)
		}
	}
}

// persist appends an event until there is an answer.
func persist(t *testing.T, s *site, id string) {
	t.Helper()
	for t.Context().Err() == nil {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := s.log.Append(ctx, accepted(id, "0a"))
		cancel()
		if err == nil {
			return
		}
	}
}

func openReader(t *testing.T, s *site, from uint64, subjects ...string) *jetstream.Reader {
	t.Helper()
	r := s.log.Reader(events.StreamGatewayParcels, from, subjects...)
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

func readBatch(t *testing.T, r *jetstream.Reader, limit int) jetstream.Batch {
	t.Helper()
	batch, err := r.Read(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func sequences(b jetstream.Batch) string {
	var got []uint64
	for _, r := range b.Records {
		got = append(got, r.Sequence)
	}
	return fmt.Sprint(got, b.CaughtUp)
}

func TestReaderReadsInBatches(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 7)
	r := openReader(t, s, 2)
	for _, want := range []string{"[2 3 4] false", "[5 6 7] true"} {
		if got := sequences(readBatch(t, r, 3)); got != want {
			t.Errorf("Read = %s, want %s", got, want)
		}
	}
	done := make(chan jetstream.Batch)
	go func() { done <- readBatch(t, r, 3) }()
	fill(t, s, 8, 1)
	if got, want := sequences(<-done), "[8] true"; got != want {
		t.Errorf("Read at the end = %s, want %s", got, want)
	}
}

func TestReaderOfAnEmptyStreamIsCaughtUp(t *testing.T) {
	s := newSite(t)
	r := openReader(t, s, 0)
	if got, want := sequences(readBatch(t, r, 3)), "[] true"; got != want {
		t.Errorf("Read = %s, want %s", got, want)
	}
}

func TestReaderFiltersSubjects(t *testing.T) {
	s := newSite(t)
	for _, gateway := range []string{"0a", "0b", "0a"} {
		if _, err := s.log.Append(t.Context(), accepted("", gateway)); err != nil {
			t.Fatal(err)
		}
	}
	r := openReader(t, s, 0, "pdc-parcel.0a")
	if got, want := sequences(readBatch(t, r, 10)), "[1 3] true"; got != want {
		t.Errorf("Read = %s, want %s", got, want)
	}
}

func TestReaderRefusesToStartPastTheEnd(t *testing.T) {
	s := newSite(t)
	fill(t, s, 1, 2)
	if _, err := s.log.Reader(events.StreamGatewayParcels, 4).Read(t.Context(), 1); !errors.Is(err, jetstream.ErrAhead) || !fault.IsFatal(err) {
		t.Errorf("Read from 4 of 2: %v", err)
	}
}

// TestReaderOutlivesFaults takes the consumer and the server from under a
// reader, which must neither skip nor repeat.
func TestReaderOutlivesFaults(t *testing.T) {
	faults := map[string]func(*site, *testing.T){
		"server restart":  func(s *site, _ *testing.T) { s.stop(); s.start() },
		"connection lost": func(s *site, _ *testing.T) { _ = s.nc.ForceReconnect() },
		"a message lost":  func(s *site, _ *testing.T) { s.breakOnce(faults{onRead: []byte("ce-id: e5")}) },
	}
	for name, strike := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			fill(t, s, 1, 3)
			r := openReader(t, s, 0)
			got := len(readBatch(t, r, 10).Records)
			strike(s, t)
			for i := 4; i <= 8; i++ {
				persist(t, s, fmt.Sprintf("e%d", i))
			}
			for got < 8 {
				batch, err := r.Read(t.Context(), 10)
				if fault.IsFatal(err) {
					t.Fatal(err)
				}
				for _, record := range batch.Records {
					if got++; record.Sequence != uint64(got) {
						t.Fatalf("sequence %d came in place of %d", record.Sequence, got)
					}
				}
			}
		})
	}
}

func TestReaderEndsWithItsContext(t *testing.T) {
	s := newSite(t)
	r := openReader(t, s, 0)
	readBatch(t, r, 1) // caught up
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(20*time.Millisecond, cancel).Stop()
	if _, err := r.Read(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v", err)
	}
}

func BenchmarkReader(b *testing.B) {
	s := newSite(b)
	fill(b, s, 0, 2000)
	for b.Loop() {
		r := s.log.Reader(events.StreamGatewayParcels, 0)
		for read := 0; read < 2000; {
			batch, err := r.Read(b.Context(), 500)
			if err != nil {
				b.Fatal(err)
			}
			read += len(batch.Records)
		}
		r.Close(b.Context())
	}
	b.ReportMetric(float64(b.N*2000)/b.Elapsed().Seconds(), "records/s")
}
