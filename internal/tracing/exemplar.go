package tracing

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Observe notes a duration, in seconds, with the trace of ctx as its exemplar if
// that is sampled.
func Observe(ctx context.Context, observer prometheus.Observer, took time.Duration) {
	span := trace.SpanFromContext(ctx)
	if with, ok := observer.(prometheus.ExemplarObserver); ok && sampled(span) {
		with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": span.SpanContext().TraceID().String()})
		return
	}
	observer.Observe(took.Seconds())
}
