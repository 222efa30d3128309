package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"awala.network/gateway/internal/tracing"
)

// TestAuto shows that the standard variables turn tracing on and off.
func TestAuto(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tests := map[string]struct {
		options TraceOptions
		env     map[string]string
		want    string
	}{
		"nothing":            {env: nil, want: TracesOff},
		"endpoint":           {env: map[string]string{endpoint: "http://c:4317"}, want: TracesGRPC},
		"endpoint of ours":   {options: TraceOptions{Endpoint: "http://c:4317"}, want: TracesGRPC},
		"endpoint of traces": {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, want: TracesGRPC},
		"exporter":           {env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, want: TracesGRPC},
		"none":               {env: map[string]string{endpoint: "http://c", "OTEL_TRACES_EXPORTER": "none"}, want: TracesOff},
		"disabled":           {env: map[string]string{endpoint: "http://c", "OTEL_SDK_DISABLED": "true"}, want: TracesOff},
		"http": {
			env:  map[string]string{endpoint: "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
			want: TracesHTTP,
		},
		"off wins": {options: TraceOptions{Exporter: TracesOff}, env: map[string]string{endpoint: "http://c"}, want: TracesOff},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := tt.options
			o.Getenv = func(key string) string { return tt.env[key] }
			if o.Exporter == "" {
				o.Exporter = TracesAuto
			}
			if got := o.protocol(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestExportByHTTP exports to a collector that speaks OTLP over HTTP.
func TestExportByHTTP(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err = errors.Join(err, proto.Unmarshal(body, &request)); err != nil {
			t.Error(err)
			return
		}
		got <- r.URL.Path + " " + request.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName()
	}))
	defer server.Close()
	registry := prometheus.NewRegistry()
	traces, err := OpenTraces(t.Context(), TraceOptions{
		Exporter: TracesHTTP, Endpoint: server.URL, Ratio: 1, Registerer: registry, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracing.Entrance{Tracer: traces.Tracer()}.Anew(context.Background(), "something")
	span.End()
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := <-got; name != "/v1/traces something" {
		t.Errorf("got %q", name)
	}
	if n, err := testutil.GatherAndCount(registry, "awala_trace_spans_total"); n != 1 || err != nil {
		t.Errorf("%d series, %v", n, err)
	}
}
