package workers

import (
	"context"
	"iter"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/tracing"
)

// traced runs the handler in a span that continues the trace of the message, or, for
// a batch, is linked to the traces of its records. Each delivery is a span. The
// event's id and correlation id are on it.
func traced(tracer trace.Tracer) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			outer := msg.Context()
			ctx, span := begin(tracer, msg)
			msg.SetContext(ctx)
			defer msg.SetContext(outer)
			produced, err := next(msg)
			tracing.End(span, err)
			return produced, err
		}
	}
}

func begin(tracer trace.Tracer, msg *message.Message) (context.Context, trace.Span) {
	ctx := msg.Context()
	name := "handle " + message.HandlerNameFromCtx(ctx)
	if batch, ok := jetstream.BatchFrom(ctx); ok {
		return tracing.ContinueAll(ctx, tracer, parents(batch), name)
	}
	return tracing.Continue(ctx, tracer, msg.Metadata.Get(events.HeaderTraceParent), name, spanAttributes(msg)...)
}

// parents yields the trace contexts of a batch.
func parents(batch jetstream.Batch) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range batch.Records {
			if r.TraceParent != "" && !yield(r.TraceParent) {
				return
			}
		}
	}
}

func spanAttributes(msg *message.Message) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"), semconv.MessagingOperationTypeProcess, tracing.KeyEventID.String(msg.UUID),
	}
	if d, ok := jetstream.DeliveryFrom(msg.Context()); ok {
		attributes = append(attributes,
			semconv.MessagingConsumerGroupName(d.Consumer),
			tracing.KeyCorrelationID.String(d.CorrelationID),
			tracing.KeyStream.String(d.Stream),
			tracing.KeySequence.Int64(int64(d.Sequence)),
			tracing.KeyAttempt.Int(d.Attempt))
	}
	return attributes
}
