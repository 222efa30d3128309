package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// sampler samples a trace or not where it begins, and keeps to that in all
// processes. Entrances and hops that are not sampled are still recorded, so that
// failures can be exported; nothing below them is (see tracing.Start).
func sampler(ratio float64) sdktrace.Sampler {
	return sdktrace.AlwaysRecord(batches{sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))})
}

// batches samples the handling of events of which one is sampled. Clients cannot
// get there: their links are on spans of servers.
type batches struct{ sdktrace.Sampler }

// ShouldSample implements [sdktrace.Sampler].
func (b batches) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Kind == trace.SpanKindConsumer && !trace.SpanContextFromContext(p.ParentContext).IsValid() {
		for _, l := range p.Links {
			if l.SpanContext.IsSampled() {
				return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
			}
		}
	}
	return b.Sampler.ShouldSample(p)
}

// failures passes on what is sampled, and also what failed, within a rate.
type failures struct {
	sdktrace.SpanProcessor
	limit *rate.Limiter
}

// OnEnd implements [sdktrace.SpanProcessor].
func (f failures) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		if s.Status().Code != codes.Error || !f.limit.Allow() {
			return
		}
		s = asSampled{s}
	}
	f.SpanProcessor.OnEnd(s)
}

// asSampled is a span that the processors after it take for sampled.
type asSampled struct{ sdktrace.ReadOnlySpan }

// SpanContext implements [sdktrace.ReadOnlySpan].
func (s asSampled) SpanContext() trace.SpanContext {
	c := s.ReadOnlySpan.SpanContext()
	return c.WithTraceFlags(c.TraceFlags().WithSampled(true))
}

// counted tells how many spans were exported. Failures are told here and not
// returned, because the library would give them to a handler that all of the
// process shares. Exports end when aborted does.
type counted struct {
	sdktrace.SpanExporter
	done    func(spans int, err error)
	aborted context.Context
}

// ExportSpans implements [sdktrace.SpanExporter].
func (c counted) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.aborted, cancel)()
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.done(len(spans), err)
	return nil
}
