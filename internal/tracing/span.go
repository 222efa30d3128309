package tracing

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"awala.network/gateway/internal/fault"
)

// Scope is the instrumentation scope of all our spans.
const Scope = "awala.network/gateway"

// Keys of attributes that no semantic convention has. They are those of the logs.
const (
	KeyParcelID         = attribute.Key("parcel_id")
	KeyEventID          = attribute.Key("event_id")
	KeyCorrelationID    = attribute.Key("correlation_id")
	KeyPrivateGatewayID = attribute.Key("private_gateway_id")
	KeyRequestID        = attribute.Key("request_id")
	KeyDestination      = attribute.Key("destination")
	KeyStream           = attribute.Key("stream")
	KeySequence         = attribute.Key("sequence")
	KeyAttempt          = attribute.Key("attempt")
	KeyOutcome          = attribute.Key("outcome")
)

// none is the span of what is not traced.
var none = trace.SpanFromContext(context.Background())

func sampled(s trace.Span) bool { return s.IsRecording() && s.SpanContext().IsSampled() }

// Start begins a span below that of ctx, if that one is sampled; otherwise it
// returns ctx and a span that takes nothing. Guard attributes that cost something
// to put together with IsRecording.
func Start(ctx context.Context, kind trace.SpanKind, name string) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !sampled(parent) {
		return ctx, none
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name, trace.WithSpanKind(kind))
}

// Attributes are those of a log record, as a span has them.
func Attributes(attrs []slog.Attr) []attribute.KeyValue {
	converted := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		converted = append(converted, attribute.String(a.Key, a.Value.String()))
	}
	return converted
}

// End ends a span. An error marks it as failed, with the error's class.
func End(span trace.Span, err error) {
	if err != nil {
		Fail(span, fault.Class(err), err.Error())
	}
	span.End()
}

// Fail marks a span as failed: class is one of few words, why is for people.
func Fail(span trace.Span, class, why string) {
	if span.IsRecording() {
		span.SetStatus(codes.Error, why)
		span.SetAttributes(semconv.ErrorTypeKey.String(class))
	}
}

// Link notes in the span of ctx that it has to do with the trace of an event too.
func Link(ctx context.Context, traceParent string) {
	span := trace.SpanFromContext(ctx)
	if !sampled(span) {
		return
	}
	if other := parse(traceParent); other.IsSampled() {
		span.AddLink(trace.Link{SpanContext: other})
	}
}

// Continue begins the span of who goes on with an event, in the event's trace. The
// span of ctx, if there is one, is linked: that is how the event came to be handled.
func Continue(
	ctx context.Context, tracer trace.Tracer, traceParent, name string, attributes ...attribute.KeyValue,
) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...)}
	if here := trace.SpanContextFromContext(ctx); here.IsSampled() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: here}))
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, parse(traceParent))
	return tracer.Start(ctx, name, options...)
}

// Follow is [Continue] by the tracer of the span of ctx.
func Follow(ctx context.Context, traceParent, name string) (context.Context, trace.Span) {
	return Continue(ctx, trace.SpanFromContext(ctx).TracerProvider().Tracer(Scope), traceParent, name)
}

// maxLinks bounds the traces that one span of a batch names.
const maxLinks = 64

// ContinueAll begins the span of who handles many events together, linked to the
// traces of those that are sampled. If none is, there is nothing to tell.
func ContinueAll(
	ctx context.Context, tracer trace.Tracer, traceParents func(yield func(string) bool), name string,
) (context.Context, trace.Span) {
	var links []trace.Link
	for p := range traceParents {
		if c := parse(p); c.IsSampled() {
			links = append(links, trace.Link{SpanContext: c})
		}
		if len(links) == maxLinks {
			break
		}
	}
	if len(links) == 0 {
		return ctx, none
	}
	return tracer.Start(ctx, name,
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...))
}

// Parent returns the trace context of ctx as events carry it, "" if there is none.
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get(header)
}

const header = "traceparent"

// parse reads a trace context; what is none is not valid.
func parse(traceParent string) trace.SpanContext {
	if traceParent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{header: traceParent})
	return trace.SpanContextFromContext(ctx)
}

// Off makes no spans.
func Off() trace.Tracer { return noop.NewTracerProvider().Tracer(Scope) }
