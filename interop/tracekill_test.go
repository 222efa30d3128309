package interop

import (
	"testing"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/telemetry/otlptest"
	"awala.network/gateway/interop/process"
)

// TestTraceOutlivesKill shows that the trace of a parcel goes on in the process that
// delivers it, although the one that accepted it was killed.
func TestTraceOutlivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills gateways")
	}
	t.Parallel()
	collector, dir := otlptest.Start(t), t.TempDir()
	flags := []string{"--tracing", "otlp-grpc", "--tracing-endpoint", collector.URL, "--tracing-ratio", "1"}
	first := process.StartStandalone(t, dir, flags...)
	recipient, endpoint := newInternetSender(t, first)
	sender, err := recipient.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	parcel, err := sender.Write(powebclient.Parcel{To: endpoint, Payload: []byte("traced")})
	if err != nil {
		t.Fatal(err)
	}
	if err := powebclient.DeliverByPoHTTP(t.Context(), nil, first.URL("pohttp"), parcel); err != nil {
		t.Fatal(err)
	}
	named := func(name string) func(otlptest.Span) bool {
		return func(s otlptest.Span) bool { return s.Name == name && s.Attribute("parcel_id") == parcelID(parcel) }
	}
	accepted := collector.Await(t, named("POST root"))
	first.Kill()

	second := process.StartStandalone(t, dir, flags...)
	collection, err := recipient.At(clientOf(t, second)).Collect(t.Context(), powebclient.CloseUponCompletion)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	delivery, err := collection.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := delivery.Acknowledge(t.Context()); err != nil {
		t.Fatal(err)
	}
	delivered := collector.Await(t, named("deliver to private gateway"))
	if delivered.TraceID() != accepted.TraceID() {
		t.Errorf("accepted in trace %s, delivered in %s", accepted.TraceID(), delivered.TraceID())
	}
}
