package tracing

import (
	"context"
	"net/netip"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Entrance begins the traces of what comes in from outside. The zero value traces
// nothing and trusts nobody.
type Entrance struct {
	// Tracer makes the spans; nil makes none.
	Tracer trace.Tracer
	// Trusted are the networks of clients whose traces are continued, such as our
	// own proxies. Those of others are linked.
	Trusted []netip.Prefix
}

// Enter begins the span of a request from the given address, HOST:PORT. The carrier
// holds the client's trace context, if it sent one.
func (e Entrance) Enter(ctx context.Context, from string, carrier propagation.TextMapCarrier, name string) (context.Context, trace.Span) {
	theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}
	switch {
	case !theirs.IsValid():
	case e.trusts(from):
		ctx = trace.ContextWithRemoteSpanContext(ctx, theirs)
	default:
		options = append(options, trace.WithLinks(trace.Link{SpanContext: theirs}))
	}
	return e.tracer().Start(ctx, name, options...)
}

// Anew begins a span in a trace of its own, linked to the span of ctx: the way of
// one of many things that came in together.
func (e Entrance) Anew(ctx context.Context, name string) (context.Context, trace.Span) {
	return e.tracer().Start(ctx, name, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithLinks(trace.LinkFromContext(ctx)))
}

// Continue is [Continue] with the entrance's tracer.
func (e Entrance) Continue(ctx context.Context, traceParent, name string) (context.Context, trace.Span) {
	return Continue(ctx, e.tracer(), traceParent, name)
}

func (e Entrance) tracer() trace.Tracer {
	if e.Tracer == nil {
		return off
	}
	return e.Tracer
}

var off = Off()

func (e Entrance) trusts(address string) bool {
	if len(e.Trusted) == 0 {
		return false
	}
	from, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	for _, network := range e.Trusted {
		if network.Contains(from.Addr().Unmap()) {
			return true
		}
	}
	return false
}
