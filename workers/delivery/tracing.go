package delivery

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/internal/tracing"
)

// begin begins the span of an attempt, in the trace of the parcel's acceptance.
func (r *Runner) begin(ctx context.Context, job *Job) (context.Context, trace.Span) {
	tracer := r.Tracer
	if tracer == nil {
		tracer = tracing.Off()
	}
	return tracing.Continue(ctx, tracer, job.TraceParent, "attempt delivery",
		tracing.KeyParcelID.String(job.Ref.ParcelID), tracing.KeyEventID.String(job.Ref.AcceptedID),
		tracing.KeyDestination.String(job.Ref.Destination), tracing.KeyAttempt.Int(job.Attempts+1))
}

// finish ends the span. That the destination did not take the parcel is a failure.
func finish(span trace.Span, out handlers.Outcome, err error) {
	if out.Attempted {
		span.SetAttributes(tracing.KeyOutcome.String(out.Result.Verdict.String()))
		if err == nil && out.Result.Verdict != pohttp.Done {
			tracing.Fail(span, string(out.Result.Stage), out.Result.Cause)
		}
	}
	tracing.End(span, err)
}
