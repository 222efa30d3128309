package postman

import (
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/internal/tracing"
)

// roundTrip makes the request in a span. It uses the transport itself, because
// redirects are ours to follow. Other nodes do not learn of our traces unless an
// operator wants it: a trace context would let them link parcels with each other.
func (c *Client) roundTrip(transport http.RoundTripper, request *http.Request) (*http.Response, error) {
	ctx, span := tracing.Start(request.Context(), trace.SpanKindClient, http.MethodPost)
	if c.sendTrace {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	}
	if span.IsRecording() {
		request = request.WithContext(ctx)
		span.SetAttributes(semconv.HTTPRequestMethodPost, semconv.URLFull(request.URL.Redacted()),
			semconv.ServerAddress(request.URL.Hostname()), semconv.HTTPRequestBodySize(int(request.ContentLength)))
	}
	response, err := transport.RoundTrip(request)
	if err == nil && span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
		if response.StatusCode >= http.StatusBadRequest {
			tracing.Fail(span, strconv.Itoa(response.StatusCode), response.Status)
		}
	}
	tracing.End(span, err)
	return response, err
}
