package workers

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
)

// tracing runs the handler in a span that continues the trace of the message.
// The event's id and correlation id are on the span.
func tracing(tracer trace.Tracer) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			outer := msg.Context()
			carrier := propagation.MapCarrier{"traceparent": msg.Metadata.Get(events.HeaderTraceParent)}
			ctx := propagation.TraceContext{}.Extract(outer, carrier)
			ctx, span := tracer.Start(ctx, message.HandlerNameFromCtx(outer),
				trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(spanAttributes(msg)...))
			defer span.End()
			msg.SetContext(ctx)
			defer msg.SetContext(outer)
			produced, err := next(msg)
			if err != nil {
				span.RecordError(err)
				span.SetStatus(codes.Error, "")
			}
			return produced, err
		}
	}
}

func spanAttributes(msg *message.Message) []attribute.KeyValue {
	attributes := []attribute.KeyValue{attribute.String("event_id", msg.UUID)}
	if d, ok := jetstream.DeliveryFrom(msg.Context()); ok {
		attributes = append(attributes,
			attribute.String("correlation_id", d.CorrelationID),
			attribute.String("stream", d.Stream),
			attribute.Int64("sequence", int64(d.Sequence)),
			attribute.Int("attempt", d.Attempt))
	}
	return attributes
}
