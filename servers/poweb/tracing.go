package poweb

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/internal/tracing"
	"awala.network/gateway/projections"
)

// begin begins the span of delivering a parcel, in the parcel's trace. The request
// that opened the collection is linked.
func (c *collection) begin(item projections.Item) {
	ctx := trace.ContextWithSpanContext(context.Background(), c.upgrade)
	_, c.span = c.Entrance.Continue(ctx, item.TraceParent, "deliver to private gateway")
	if c.span.IsRecording() {
		c.span.SetAttributes(tracing.KeyParcelID.String(item.Key.ParcelID), tracing.KeyEventID.String(item.AcceptedID),
			tracing.KeyPrivateGatewayID.String(item.PrivateGatewayID))
	}
}

// finish ends the span with what became of the parcel.
func (c *collection) finish(outcome string) {
	if c.span.IsRecording() {
		c.span.SetAttributes(tracing.KeyOutcome.String(outcome))
	}
	c.span.End()
}

// traced returns ctx inside the span of the parcel that is being delivered.
func (c *collection) traced(ctx context.Context) context.Context {
	return trace.ContextWithSpan(ctx, c.span)
}
