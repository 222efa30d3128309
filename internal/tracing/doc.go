// Package tracing follows a parcel through the processes by OpenTelemetry traces.
//
// A trace begins where something enters the gateway ([Entrance]). Every event
// carries its trace context (W3C traceparent, in events.HeaderTraceParent), so
// whoever handles the event, in whatever process and however much later, continues
// the trace ([Continue], [ContinueAll]). What is done on the way, such as the use of
// a backing service, is a span below ([Start]).
//
// Guarantees:
//
//   - What is not traced costs next to nothing: no span is made, and no attribute is
//     put together, outside a sampled trace.
//   - A client decides neither about our traces nor about what we sample: its trace
//     context becomes a link, unless the client is one that the operator trusts.
//   - Spans hold ids, sizes and names, never payloads, keys or secrets.
//
// Where spans go, and which are sampled, is set up by package telemetry.
package tracing
