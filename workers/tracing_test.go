package workers

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestTracingContinuesTheTrace(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")
	msg := delivered(t.Context(), 1)
	msg.Metadata.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

	var inside trace.SpanContext
	_ = through(traced(tracer), msg, func(ctx context.Context) error {
		inside = trace.SpanContextFromContext(ctx)
		return errors.New("failed")
	})
	spans := recorder.Ended()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	span := spans[0]
	if got := span.Parent().SpanID().String(); got != "b7ad6b7169203331" {
		t.Errorf("parent %s", got)
	}
	if inside.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || inside.SpanID() != span.SpanContext().SpanID() {
		t.Errorf("the handler ran in %v", inside)
	}
	if span.Status().Code != codes.Error {
		t.Errorf("status %v", span.Status())
	}
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
	}
	if attributes["event_id"] != "e1" || attributes["correlation_id"] != "e1" {
		t.Errorf("attributes %v", attributes)
	}
	if trace.SpanContextFromContext(msg.Context()).IsValid() {
		t.Error("the message did not get its context back")
	}
}
