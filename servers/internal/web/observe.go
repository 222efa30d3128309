package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"awala.network/gateway/internal/limits"
	"awala.network/gateway/internal/tracing"
)

const unmatchedRoute = "unmatched"

// Observe returns a handler that finds out whose request it is, gives it an id and
// a span, refuses clients that send too many, survives panics, and then logs and
// counts the request.
func Observe(next http.Handler, log *slog.Logger, metrics *Metrics, guard *limits.Guard, entrance tracing.Entrance) http.Handler {
	return &observer{next: next, log: log, metrics: metrics, guard: guard, entrance: entrance}
}

type observer struct {
	next    http.Handler
	log     *slog.Logger
	metrics *Metrics
	guard   *limits.Guard
	// entrance begins the traces.
	entrance tracing.Entrance
}

// ServeHTTP implements [http.Handler].
func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	client := o.guard.Client(r.RemoteAddr, r.Header)
	id := requestID(r, client.Proxied)
	e := &exchange{id: id, client: client, route: unmatchedRoute, log: o.log.With(slog.String("request_id", id))}
	ctx, span := o.entrance.Enter(r.Context(), r.RemoteAddr, propagation.HeaderCarrier(r.Header), knownMethod(r.Method))
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
		o.metrics.observe(ctx, e.route, r.Method, status, time.Since(started))
		o.access(r, recorded, e, status, time.Since(started))
		finish(span, r, e, status)
	}()
	if err := o.guard.Request(client); err != nil {
		writeProblem(recorded, r, err)
		return
	}
	o.next.ServeHTTP(recorded, r)
}

// limitTime bounds how long a client may take to take its answer, and to send a
// body that nobody reads; [Bodies] gives those that are read the time they need. A
// WebSocket upgrade lifts both.
func limitTime(w http.ResponseWriter, now time.Time) {
	controller := http.NewResponseController(w)
	// Without a connection, as in some tests, there is nothing to limit.
	_ = controller.SetReadDeadline(now.Add(bodyGrace))
	_ = controller.SetWriteDeadline(now.Add(answerTime))
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
		slog.String("client", e.client.Address.String()),
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
