package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"awala.network/gateway/internal/tracing"
)

// The ways of exporting traces.
const (
	TracesOff  = "off"
	TracesAuto = "auto" // as the standard OTEL_ variables say; off if they say nothing
	TracesGRPC = "otlp-grpc"
	TracesHTTP = "otlp-http"
)

// TraceOptions say where spans go.
type TraceOptions struct {
	// Exporter is one of the ways above.
	Exporter string
	// Endpoint is the collector's URL; "" is that of the standard OTEL_EXPORTER_OTLP_
	// variables, from which all that is not said here comes, too.
	Endpoint string
	// Ratio is the share of traces that are exported, 0 to 1.
	Ratio float64
	// Version and Role describe this process.
	Version, Role string
	// Registerer gets the metric of exported spans.
	Registerer prometheus.Registerer
	// Logger is told of failures, at most one in a while.
	Logger *slog.Logger
	// Getenv is os.Getenv if nil.
	Getenv func(string) string
}

// Traces makes spans and exports them.
type Traces struct {
	sdk   *sdktrace.TracerProvider // nil: off
	abort context.CancelFunc       // ends exports
}

// Bounds of what is exported.
const (
	flushInterval   = 2 * time.Second
	failedPerSecond = 10 // spans of traces that are not sampled
	failedBurst     = 100
	maxValueLen     = 512 // octets of an attribute
	logInterval     = time.Minute
)

// OpenTraces returns what makes spans. It does not wait for the collector, which may come later.
func OpenTraces(ctx context.Context, o TraceOptions) (*Traces, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	exported := o.exported()
	exporter, err := o.exporter(ctx)
	if err != nil || exporter == nil {
		return &Traces{}, err
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(
			semconv.ServiceName("awala-gateway"), semconv.ServiceVersion(o.Version),
			semconv.ServiceInstanceID(uuid.NewString()), attribute.String("awala.role", o.Role)),
		resource.WithFromEnv()) // the last one wins: what the operator says
	if err != nil && about == nil {
		return nil, fmt.Errorf("traces: describe the process: %w", err)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxValueLen
	aborted, abort := context.WithCancel(context.Background())
	batch := sdktrace.NewBatchSpanProcessor(counted{exporter, exported, aborted}, sdktrace.WithBatchTimeout(flushInterval))
	return &Traces{abort: abort, sdk: sdktrace.NewTracerProvider(
		sdktrace.WithResource(about), sdktrace.WithSampler(sampler(o.Ratio)), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSpanProcessor(failures{batch, rate.NewLimiter(failedPerSecond, failedBurst)}),
	)}, nil
}

// exporter returns the exporter that is asked for, or nil.
func (o TraceOptions) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch o.protocol() {
	case TracesGRPC:
		var options []otlptracegrpc.Option
		if o.Endpoint != "" {
			options = append(options, otlptracegrpc.WithEndpointURL(o.Endpoint))
		}
		return otlptracegrpc.New(ctx, options...)
	case TracesHTTP:
		var options []otlptracehttp.Option
		if o.Endpoint != "" {
			options = append(options, otlptracehttp.WithEndpointURL(o.Endpoint+"/v1/traces"))
		}
		return otlptracehttp.New(ctx, options...)
	default:
		return nil, nil
	}
}

// protocol decides what auto means: the standard variables turn tracing on, and
// off, as they do elsewhere.
func (o TraceOptions) protocol() string {
	if o.Exporter != TracesAuto {
		return o.Exporter
	}
	wanted := o.Getenv("OTEL_TRACES_EXPORTER")
	endpoint := first(o.Endpoint, o.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), o.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	switch {
	case o.Getenv("OTEL_SDK_DISABLED") == "true", wanted == "none", wanted != "otlp" && endpoint == "":
		return TracesOff
	case first(o.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), o.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")) == "http/protobuf":
		return TracesHTTP
	default:
		return TracesGRPC
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// exported returns what counts the exported spans and tells of failures.
func (o TraceOptions) exported() func(spans int, err error) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "awala_trace_spans_total", Help: "Spans given to the collector, by whether it took them (exported, failed).",
	}, []string{"outcome"})
	o.Registerer.MustRegister(total)
	tell := rate.Sometimes{Interval: logInterval}
	return func(spans int, err error) {
		if err == nil {
			total.WithLabelValues("exported").Add(float64(spans))
			return
		}
		total.WithLabelValues("failed").Add(float64(spans))
		tell.Do(func() {
			o.Logger.Warn("the collector does not take spans", slog.Int("spans", spans), slog.Any("error", err))
		})
	}
}

// On tells whether spans are made.
func (t *Traces) On() bool { return t.sdk != nil }

// Tracer makes the spans.
func (t *Traces) Tracer() trace.Tracer {
	if t.sdk == nil {
		return tracing.Off()
	}
	return t.sdk.Tracer(tracing.Scope)
}

// Close exports what is left, as long as ctx lasts.
func (t *Traces) Close(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	defer t.abort()
	defer context.AfterFunc(ctx, t.abort)()
	// It ends soon after ctx, when exports do. What cannot be exported any more is
	// lost, which is no failure of the stop.
	_ = t.sdk.Shutdown(context.WithoutCancel(ctx))
	return nil
}
