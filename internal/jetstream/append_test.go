package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

func TestAppendThenRead(t *testing.T) {
	s := newSite(t)
	want := accepted("e1", "0a")
	want.CausationID, want.TraceParent = "cause", "00-0123-01"

	position, err := s.log.Append(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(events.Position{Stream: events.StreamGatewayParcels, Sequence: 1}, position); diff != "" {
		t.Errorf("Position (-want +got):\n%s", diff)
	}
	got, err := s.log.Next(t.Context(), position.Stream, "pdc-parcel.0a", 0)
	if err != nil {
		t.Fatal(err)
	}
	record := events.Record{Event: want, Stream: position.Stream, Sequence: 1, Subject: "pdc-parcel.0a"}
	if diff := cmp.Diff(record, got, cmpopts.IgnoreFields(events.Record{}, "StoredAt")); diff != "" {
		t.Errorf("Record (-want +got):\n%s", diff)
	}
	if got.StoredAt.IsZero() {
		t.Error("StoredAt is zero")
	}
}

func TestAppendTakesTheTraceOfItsContext(t *testing.T) {
	s := newSite(t)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	}))
	if _, err := s.log.Append(ctx, accepted("e1", "0a")); err != nil {
		t.Fatal(err)
	}
	got, err := s.log.At(t.Context(), events.StreamGatewayParcels, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := "00-01000000000000000000000000000000-0200000000000000-01"; got.TraceParent != want {
		t.Errorf("TraceParent = %q, want %q", got.TraceParent, want)
	}
}

func TestAppendAgainIsDuplicate(t *testing.T) {
	s := newSite(t)
	for i, duplicate := range []bool{false, true} {
		got, err := s.log.Append(t.Context(), accepted("e1", "0a"))
		if err != nil {
			t.Fatal(err)
		}
		want := events.Position{Stream: events.StreamGatewayParcels, Sequence: 1, Duplicate: duplicate}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("append %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestAppendRefusesForGood(t *testing.T) {
	s := newSite(t)
	huge := accepted("e1", "0a")
	huge.Source = strings.Repeat("x", 2<<20)
	tests := map[string]events.Event{
		"no data":          events.New("e1", "test", time.Now(), nil),
		"wildcard subject": accepted("e1", "*"),
		"too large":        huge,
	}
	for name, event := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := s.log.Append(t.Context(), event)
			if !fault.IsPermanent(err) {
				t.Errorf("error %v is not permanent", err)
			}
		})
	}
	last, err := s.log.LastSequence(t.Context(), events.StreamGatewayParcels, ">")
	if err != nil || last != 0 {
		t.Errorf("LastSequence = %d, %v", last, err)
	}
}

// TestAppendFaultPair has Append fail in both ways: the event is stored or it
// is not. The caller cannot tell, and the same retry mends both.
func TestAppendFaultPair(t *testing.T) {
	tests := map[string]struct {
		faults faults
		stored uint64
	}{
		"failed and not stored": {faults{onWrite: []byte("HPUB pdc-parcel.p-")}, 0},
		"failed but stored":     {faults{onRead: []byte(`"stream":"PDC_PARCELS"`)}, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.breakOnce(tc.faults)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.log.Append(ctx, accepted("e1", "0a"))
			if err == nil || fault.IsPermanent(err) || fault.IsFatal(err) {
				t.Fatalf("error %v is not transient", err)
			}
			last, err := s.log.LastSequence(t.Context(), events.StreamGatewayParcels, "pdc-parcel.0a")
			if err != nil || last != tc.stored {
				t.Fatalf("LastSequence = %d, %v; want %d", last, err, tc.stored)
			}
			position, err := s.log.Append(t.Context(), accepted("e1", "0a"))
			if err != nil {
				t.Fatal(err)
			}
			want := events.Position{Stream: events.StreamGatewayParcels, Sequence: 1, Duplicate: tc.stored == 1}
			if diff := cmp.Diff(want, position); diff != "" {
				t.Errorf("retry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendOutlivesRestart(t *testing.T) {
	s := newSite(t)
	if _, err := s.log.Append(t.Context(), accepted("e1", "0a")); err != nil {
		t.Fatal(err)
	}
	s.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.log.Append(ctx, accepted("e2", "0a")); err == nil {
		t.Error("appended without a server")
	}
	s.start()
	again, err := s.log.Append(t.Context(), accepted("e1", "0a"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (events.Position{Stream: events.StreamGatewayParcels, Sequence: 1, Duplicate: true}); again != want {
		t.Errorf("after the restart: %+v, want %+v", again, want)
	}
}

func TestAppendConcurrently(t *testing.T) {
	s := newSite(t)
	const callers, each = 1000, 2
	var wg sync.WaitGroup
	errs := make(chan error, callers*each)
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				_, err := s.log.Append(t.Context(), accepted(fmt.Sprintf("e%d-%d", c, i), "0a"))
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	last, err := s.log.LastSequence(t.Context(), events.StreamGatewayParcels, "pdc-parcel.0a")
	if err != nil || last != callers*each {
		t.Errorf("LastSequence = %d, %v", last, err)
	}
}

func TestOpenWantsDurability(t *testing.T) {
	s := newSite(t)
	_, err := jetstream.Open(t.Context(), s.nc, jetstream.Options{})
	if !fault.IsFatal(err) {
		t.Errorf("without a check: %v is not fatal", err)
	}
	bad := errors.New("not synced")
	_, err = jetstream.Open(t.Context(), s.nc, jetstream.Options{
		Sync: func(context.Context) error { return fault.Fatal(bad) },
	})
	if !errors.Is(err, bad) || !fault.IsFatal(err) {
		t.Errorf("with a check that fails: %v", err)
	}
}

// BenchmarkAppend appends without a trace, the same without sealing names, in a trace
// that is not sampled, and in one that is exported (to nowhere).
func BenchmarkAppend(b *testing.B) {
	b.Run("untraced", func(b *testing.B) { benchmarkAppend(b, b.Context(), newSite(b)) })
	b.Run("unsealed", func(b *testing.B) {
		s := newSite(b)
		s.opts.Names = nil
		s.log = s.open()
		benchmarkAppend(b, b.Context(), s)
	})
	for name, sampler := range map[string]sdktrace.Sampler{
		"unsampled": sdktrace.AlwaysRecord(sdktrace.NeverSample()), "sampled": sdktrace.AlwaysSample(),
	} {
		b.Run(name, func(b *testing.B) {
			nowhere := sdktrace.WithBatcher(tracetest.NewNoopExporter())
			provider := sdktrace.NewTracerProvider(nowhere, sdktrace.WithSampler(sampler))
			defer provider.Shutdown(context.Background())
			ctx, span := provider.Tracer("").Start(b.Context(), "entrance")
			defer span.End()
			benchmarkAppend(b, ctx, newSite(b))
		})
	}
}

func benchmarkAppend(b *testing.B, ctx context.Context, s *site) {
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.log.Append(ctx, accepted(events.New("", "b", time.Time{}, nil).ID, "0a")); err != nil {
				b.Error(err)
			}
		}
	})
}
