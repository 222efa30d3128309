package tracing_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/tracing"
)

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func recording() (*tracetest.SpanRecorder, trace.Tracer) {
	recorder := tracetest.NewSpanRecorder()
	return recorder, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer(tracing.Scope)
}

// TestNothingOutsideATrace shows that nothing is made, and nothing allocated, where
// nothing is traced.
func TestNothingOutsideATrace(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		inner, span := tracing.Start(ctx, trace.SpanKindClient, "x")
		if inner != ctx || span.IsRecording() || tracing.Parent(inner) != "" {
			t.Error("there is a span")
		}
		tracing.End(span, nil)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStartContinuesWhatIsSampled(t *testing.T) {
	recorder, tracer := recording()
	ctx, entrance := tracer.Start(t.Context(), "entrance")
	inner, span := tracing.Start(ctx, trace.SpanKindClient, "below")
	if want := entrance.SpanContext().TraceID(); trace.SpanContextFromContext(inner).TraceID() != want {
		t.Error("another trace")
	}
	tracing.End(span, fault.Permanent(errors.New("no")))
	ended := recorder.Ended()
	if len(ended) != 1 || ended[0].Status().Code != codes.Error || ended[0].Status().Description != "no" {
		t.Errorf("ended %v", ended)
	}
}

func TestEntranceTrusts(t *testing.T) {
	for name, tt := range map[string]struct {
		entrance  tracing.Entrance
		from      string
		continued bool
	}{
		"nobody":      {from: "10.0.0.1:1"},
		"a network":   {entrance: tracing.Entrance{Trusted: networks}, from: "10.0.0.1:1", continued: true},
		"mapped":      {entrance: tracing.Entrance{Trusted: networks}, from: "[::ffff:10.0.0.1]:1", continued: true},
		"others":      {entrance: tracing.Entrance{Trusted: networks}, from: "11.0.0.1:1"},
		"no address":  {entrance: tracing.Entrance{Trusted: networks}, from: "@"},
		"of a socket": {entrance: tracing.Entrance{Trusted: networks}, from: ""},
	} {
		t.Run(name, func(t *testing.T) {
			carrier := propagation.MapCarrier{"traceparent": sampled}
			off, _ := tt.entrance.Enter(t.Context(), tt.from, carrier, "x")
			if got := tracing.Parent(off) == sampled; got != tt.continued {
				t.Errorf("without a tracer: %q", tracing.Parent(off))
			}
			recorder, tracer := recording()
			tt.entrance.Tracer = tracer
			_, span := tt.entrance.Enter(t.Context(), tt.from, carrier, "x")
			span.End()
			ended := recorder.Ended()[0]
			if got := ended.Parent().IsValid(); got != tt.continued {
				t.Errorf("continued: %v", got)
			}
			if linked := len(ended.Links()) == 1; linked == tt.continued {
				t.Errorf("linked: %v", linked)
			}
		})
	}
}

// TestContinueAll links what is sampled, and makes no span if nothing is.
func TestContinueAll(t *testing.T) {
	recorder, tracer := recording()
	for _, parents := range [][]string{nil, {unsampled}, {"nonsense"}} {
		if ctx, span := tracing.ContinueAll(t.Context(), tracer, slices.Values(parents), "x"); span.IsRecording() || ctx != t.Context() {
			t.Errorf("%v: a span", parents)
		}
	}
	_, span := tracing.ContinueAll(t.Context(), tracer, slices.Values([]string{unsampled, sampled}), "x")
	span.End()
	links := recorder.Ended()[0].Links()
	if len(links) != 1 || links[0].SpanContext.TraceID().String() != sampled[3:35] || recorder.Ended()[0].Parent().IsValid() {
		t.Errorf("links %v", links)
	}
}

func FuzzContinue(f *testing.F) {
	f.Add(sampled)
	f.Add("00-00000000000000000000000000000000-0000000000000000-00")
	_, tracer := recording()
	f.Fuzz(func(t *testing.T, parent string) {
		ctx, span := tracing.Continue(context.Background(), tracer, parent, "x")
		defer span.End()
		if got := tracing.Parent(ctx); len(got) != len(sampled) {
			t.Errorf("%q continued as %q", parent, got)
		}
	})
}

var networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
