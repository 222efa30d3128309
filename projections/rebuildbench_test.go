package projections_test

import (
	"cmp"
	"context"
	"iter"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/events"
	"awala.network/gateway/events/eventstest"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/projections"
	"awala.network/gateway/projections/onjetstream"
)

// benchEvents is how many events are folded: AWALA_BENCH_EVENTS, or 20,000.
func benchEvents(b *testing.B) int {
	if n, err := strconv.Atoi(os.Getenv("AWALA_BENCH_EVENTS")); err == nil {
		return n
	}
	return 20_000
}

// restored is a stream of parcels, most of which are collected a while later.
func restored(b *testing.B, log *jetstream.Log, names events.Names, n int) {
	b.Helper()
	const queued = 500 // parcels between an acceptance and its end
	messages := func(yield func(events.Message, error) bool) {
		for i := range n {
			e := accepted(i/2%100, i/2, 0, far)
			if ended := i/2 - queued; i%2 == 1 {
				e = accepted(i/2%100, n+i/2, 0, far)
				if ended >= 0 {
					e = ending(0, accepted(ended%100, ended, 0, far))
				}
			}
			var err error
			if e.Data, err = events.Seal(b.Context(), names, e.Data); err != nil {
				yield(events.Message{}, err)
				return
			}
			subject, header, body, err := events.Encode(e)
			m := events.Message{Stream: events.StreamGatewayParcels, Sequence: uint64(i + 1), Subject: subject, Header: header, Body: body}
			if !yield(m, err) {
				return
			}
		}
	}
	if _, err := log.Restore(b.Context(), events.StreamGatewayParcels, iter.Seq2[events.Message, error](messages)); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRebuild rebuilds the mailbox from the history, while parcels are being
// accepted, and beside it reads the same history and writes the same documents
// without folding. With 200,000 events or more it fails if that is more than twice as
// fast.
func BenchmarkRebuild(b *testing.B) {
	n := benchEvents(b)
	names := eventstest.NewNames()
	log := jetstreamtest.OpenNamed(b, names)
	restored(b, log, names, n)
	db := database(b)
	history := onjetstream.Log{Log: log}
	live, err := projections.Open(b.Context(), db, projections.Mailbox{})
	if err != nil {
		b.Fatal(err)
	}
	m := projections.NewMaintenance(projections.Mailbox{}, db, history, quiet)
	for b.Loop() {
		idle := ingress(b, log)
		time.Sleep(2 * time.Second) // what is measured, not synchronisation
		b.ReportMetric(idle.stop(), "accepted-before/s")
		busy := ingress(b, log)
		began := time.Now()
		done, err := m.Rebuild(b.Context(), projections.RebuildOptions{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		rebuild := float64(done.Checkpoint) / time.Since(began).Seconds()
		b.ReportMetric(rebuild, "rebuilt-events/s")
		b.ReportMetric(busy.stop(), "accepted-meanwhile/s")
		b.ReportMetric(float64(busy.slowest.Milliseconds()), "slowest-ms")
		also := ingress(b, log)
		plain := bare(b, history, db, live)
		also.stop()
		b.ReportMetric(plain, "bare-events/s")
		b.ReportMetric(rebuild/plain, "of-bare")
		b.ReportMetric(0, "ns/op")
		if n >= 200_000 && rebuild < plain/2 {
			b.Errorf("the rebuild has %.2f of the bare rate", rebuild/plain)
		}
	}
}

// accepting is parcels being accepted.
type accepting struct {
	// stop ends it and returns how many were accepted per second.
	stop func() float64
	// slowest is how long the slowest took, once it was stopped.
	slowest time.Duration
}

// ingress accepts 200 parcels a second, one after the other, as far as it can.
func ingress(b *testing.B, log *jetstream.Log) *accepting {
	ctx, cancel := context.WithCancel(b.Context())
	done, a := make(chan struct{}), new(accepting)
	began, count := time.Now(), 0
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			start := time.Now()
			if _, err := log.Append(ctx, accepted(200, int(start.UnixNano()), 0, far)); err == nil {
				count++
				a.slowest = max(a.slowest, time.Since(start))
			}
		}
	}()
	a.stop = func() float64 {
		cancel()
		<-done
		return float64(count) / time.Since(began).Seconds()
	}
	return a
}

// bare reads the history and writes the documents of live, as many in each batch
// as there are for the records in it and in the order in which a runner writes
// them, and returns its rate.
func bare(b *testing.B, history onjetstream.Log, db documents.Database, live documents.Collection) float64 {
	b.Helper()
	docs := everything(b, live)
	into, err := db.Collection(b.Context(), "bare", projections.Mailbox{}.Spec().Indexes)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(b.Context())
	batches := make(chan []events.Record, 2)
	last, err := history.LastSequence(ctx, events.StreamGatewayParcels, ">")
	if err != nil {
		b.Fatal(err)
	}
	group.Go(func() error {
		defer close(batches)
		records := history.Records(events.StreamGatewayParcels, 1)
		defer records.Close(ctx)
		for {
			batch, caughtUp, err := records.Read(ctx, 10_000)
			if err != nil {
				return err
			}
			batches <- batch
			if caughtUp {
				return nil
			}
		}
	})
	group.Go(func() error {
		written := 0
		for batch := range batches {
			if len(batch) == 0 {
				continue
			}
			to := min(len(docs)*int(batch[len(batch)-1].Sequence)/int(last), len(docs))
			some := docs[written:to]
			slices.SortFunc(some, func(a, b documents.Document) int { return cmp.Compare(a.ID, b.ID) })
			if err := into.Replace(ctx, some); err != nil {
				return err
			}
			if err := into.SaveCheckpoint(ctx, batch[len(batch)-1].Sequence); err != nil {
				return err
			}
			written = to
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	rate := float64(last) / time.Since(began).Seconds()
	if err := db.Drop(b.Context(), "bare"); err != nil {
		b.Fatal(err)
	}
	return rate
}

// everything returns all documents in the order of the history.
func everything(b *testing.B, c documents.Collection) (all []documents.Document) {
	b.Helper()
	for after := ""; ; {
		page, err := c.All(b.Context(), after, documents.MaxLimit)
		if err != nil {
			b.Fatal(err)
		}
		if len(page) == 0 {
			slices.SortFunc(all, func(a, b documents.Document) int { return cmp.Compare(a.Position, b.Position) })
			return all
		}
		all, after = append(all, page...), page[len(page)-1].ID
	}
}
