package web

import (
	"net/http"
	"strconv"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/internal/tracing"
)

// finish ends the span of a request, with what the access log says, but not who the
// client is. A failure is what we could not do, not what the client did wrong.
func finish(span trace.Span, r *http.Request, e *exchange, status int) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	method := knownMethod(r.Method)
	span.SetName(method + " " + e.route)
	span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(e.route), semconv.HTTPResponseStatusCode(status),
		semconv.HTTPRequestBodySize(int(max(r.ContentLength, 0))), tracing.KeyRequestID.String(e.id))
	span.SetAttributes(tracing.Attributes(e.attrs)...)
	if status >= http.StatusInternalServerError {
		why := http.StatusText(status)
		if e.err != nil {
			why = e.err.Error()
		}
		tracing.Fail(span, strconv.Itoa(status), why)
	}
}
