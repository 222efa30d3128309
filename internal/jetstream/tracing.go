package jetstream

import (
	"context"
	"errors"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/tracing"
)

// producing begins the span of recording e, and lets e carry on from it. Where there
// is no trace, e keeps the trace context that it has from its cause.
func producing(ctx context.Context, e *events.Event) (context.Context, trace.Span) {
	ctx, span := tracing.Start(ctx, trace.SpanKindProducer, "append")
	if span.IsRecording() {
		span.SetName("append " + string(e.Data.EventType()))
		span.SetAttributes(semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationTypeSend,
			tracing.KeyEventID.String(e.ID), tracing.KeyCorrelationID.String(e.CorrelationID))
	}
	if parent := tracing.Parent(ctx); parent != "" {
		e.TraceParent = parent
	}
	return ctx, span
}

// produced ends the span. A conflict is an answer, not a failure.
func produced(span trace.Span, at events.Position, err error) {
	if err == nil && span.IsRecording() {
		span.SetAttributes(tracing.KeyStream.String(at.Stream), tracing.KeySequence.Int64(int64(at.Sequence)))
	}
	if errors.Is(err, ErrConflict) {
		err = nil
	}
	tracing.End(span, err)
}
