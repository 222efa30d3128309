package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/propagation"
)

const unmatchedRoute = "unmatched"

// Observe returns a handler that gives each request an id, follows its trace
// (W3C traceparent), survives its panics, and then logs and counts it.
func Observe(next http.Handler, log *slog.Logger, metrics *Metrics) http.Handler {
	return &observer{next: next, log: log, metrics: metrics}
}

type observer struct {
	next    http.Handler
	log     *slog.Logger
	metrics *Metrics
}

// ServeHTTP implements [http.Handler].
func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	id := requestID(r)
	e := &exchange{id: id, route: unmatchedRoute, log: o.log.With(slog.String("request_id", id))}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	r = r.WithContext(context.WithValue(ctx, exchangeKey{}, e))
	w.Header().Set(RequestIDHeader, id)
	recorded := &recorder{ResponseWriter: w}
	limitTime(w, started)

	defer func() {
		o.recover(recorded, r, recover())
		status := recorded.status
		if e.clientGone {
			status = statusClientGone
		}
		o.metrics.observe(e.route, r.Method, status, time.Since(started))
		o.access(r, recorded, e, status, time.Since(started))
	}()
	o.next.ServeHTTP(recorded, r)
}

// How long a client may take to send its body and to take its answer, storage
// included. 9 MiB on a slow line need a while; more than that is a stalled or
// hostile client, which must not hold memory. A WebSocket upgrade lifts both.
const (
	readTimeout  = 60 * time.Second
	writeTimeout = 90 * time.Second
)

func limitTime(w http.ResponseWriter, now time.Time) {
	controller := http.NewResponseController(w)
	// Without a connection, as in some tests, there is nothing to limit.
	_ = controller.SetReadDeadline(now.Add(readTimeout))
	_ = controller.SetWriteDeadline(now.Add(writeTimeout))
}

func (o *observer) recover(w *recorder, r *http.Request, cause any) {
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	err := fmt.Errorf("panic: %v", cause)
	Logger(r.Context()).ErrorContext(r.Context(), "Request handler panicked",
		slog.Any("error", err), slog.String("stack", string(debug.Stack())))
	if w.status == 0 {
		writeProblem(w, r, NewProblem(http.StatusInternalServerError, "internal error").Because(err))
	}
}

// access writes the request's log record: what a client caused is information,
// what we could not do is an error.
func (o *observer) access(r *http.Request, w *recorder, e *exchange, status int, took time.Duration) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := append([]slog.Attr{
		slog.String("method", r.Method),
		slog.String("route", e.route),
		slog.Int("status", status),
		slog.String("remote", r.RemoteAddr),
		slog.Int64("octets_in", max(r.ContentLength, 0)),
		slog.Int64("octets_out", w.written),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}, e.attrs...)
	if e.err != nil {
		attrs = append(attrs, slog.String("error", e.err.Error()))
	}
	e.log.LogAttrs(r.Context(), level, "Request answered", attrs...)
}

// recorder remembers an answer's status and length.
type recorder struct {
	http.ResponseWriter
	status  int
	written int64
}

// WriteHeader remembers the final status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts octets.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] and a WebSocket upgrade reach the
// connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
