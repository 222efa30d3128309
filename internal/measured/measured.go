// Package measured times what is asked of backing services, for the metrics, and
// makes spans of it, where there is a trace.
//
// It wraps the ports of the object store, the key store and the document store, and
// is given to the event history. Guarantees: what it wraps behaves as before, errors included; the
// labels of its metrics are of bounded number.
package measured

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/tracing"
)

// Services times backing services.
type Services struct {
	requests *prometheus.HistogramVec
	appends  *prometheus.HistogramVec
	recorded *prometheus.CounterVec
	arrivals *prometheus.HistogramVec
}

// seconds are the buckets of all: from half a millisecond to half a minute.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// journeys are the buckets of the way of a parcel: from a hundredth of a second,
// online, to half a year, by a courier who comes late.
var journeys = []float64{.01, .05, .1, .25, .5, 1, 5, 30, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600, 180 * 24 * 3600}

// New registers the metrics:
//
//	awala_store_request_duration_seconds{store,operation,outcome}
//	awala_history_append_duration_seconds{outcome}
//	awala_events_recorded_total{type}
//	awala_parcel_journey_seconds{from,to}
func New(registerer prometheus.Registerer) *Services {
	s := &Services{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "awala_store_request_duration_seconds",
			Help: "Time that the object store (blobs), the key store (keys) and the document store (documents) took, by outcome: ok, not_found, exists, full, error.", Buckets: seconds,
		}, []string{"store", "operation", "outcome"}),
		appends: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "awala_history_append_duration_seconds",
			Help: "Time from the recording of an event to its acknowledgement, when it is on disk.", Buckets: seconds,
		}, []string{"outcome"}),
		recorded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_events_recorded_total", Help: "Events that this process recorded, by type.",
		}, []string{"type"}),
	}
	s.arrivals = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "awala_parcel_journey_seconds",
		Help: "Time from the acceptance of a parcel until its recipient had it, by the bindings by which it came in and went out (poweb, pohttp, cargo).", Buckets: journeys,
	}, []string{"from", "to"})
	registerer.MustRegister(s.requests, s.appends, s.recorded, s.arrivals)
	return s
}

// Arrived notes that a recipient has its parcel, as handlers.Arrivals wants it.
func (s *Services) Arrived(ctx context.Context, from, to events.Ingress, took time.Duration) {
	tracing.Observe(ctx, s.arrivals.WithLabelValues(string(from), string(to)), max(took, 0))
}

// Appended notes the recording of an event, as jetstream.Options.Appended wants it.
func (s *Services) Appended(ctx context.Context, t events.Type, took time.Duration, err error) {
	tracing.Observe(ctx, s.appends.WithLabelValues(outcome(err)), took)
	if err == nil {
		s.recorded.WithLabelValues(string(t)).Inc()
	}
}

// begin notes a request, and is a span of it; what it returns is called when the
// request ends.
func (s *Services) begin(ctx context.Context, store, operation string) (context.Context, func(error)) {
	began := time.Now()
	ctx, span := tracing.Start(ctx, trace.SpanKindClient, store)
	if span.IsRecording() {
		span.SetName(store + " " + operation)
	}
	return ctx, func(err error) {
		what := outcome(err)
		tracing.Observe(ctx, s.requests.WithLabelValues(store, operation, what), time.Since(began))
		if what != "error" && span.IsRecording() {
			span.SetAttributes(tracing.KeyOutcome.String(what))
			err = nil
		}
		tracing.End(span, err)
	}
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, blobs.ErrNotFound), errors.Is(err, keystore.ErrNotFound), errors.Is(err, documents.ErrNotFound):
		return "not_found"
	case errors.Is(err, blobs.ErrExists):
		return "exists"
	case errors.Is(err, blobs.ErrFull):
		return "full"
	default:
		return "error"
	}
}
