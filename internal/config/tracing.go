package config

import (
	"errors"
	"slices"
	"strconv"

	"awala.network/gateway/internal/telemetry"
)

// Tracing is how parcels are followed by OpenTelemetry traces. What is not said here
// comes from the standard OTEL_ variables.
type Tracing struct {
	// Exporter is off, a protocol, or auto.
	Exporter TraceExporter `name:"tracing" default:"auto" usage:"export traces: otlp-grpc, otlp-http or off; auto does what OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_ENDPOINT say, which is off without them"`
	// Endpoint is the collector.
	Endpoint OptionalURL `name:"tracing-endpoint" default:"" usage:"URL of the OTLP collector, such as http://localhost:4317; that of OTEL_EXPORTER_OTLP_ENDPOINT if empty"`
	// Ratio is the share of what enters that is followed. All processes of a gateway
	// keep to the decision of the one where it entered.
	Ratio Ratio `name:"tracing-ratio" default:"0.01" usage:"share of parcels to follow, from 0 to 1; hops that fail are exported in any case"`
	// TrustedPeers are the clients whose own traces are continued.
	TrustedPeers Networks `name:"tracing-trusted-peers" default:"" usage:"addresses or networks (commas between) of clients whose traces are continued, such as your proxies; others are linked"`
	// ToNodes gives our trace context away.
	ToNodes Switch `name:"tracing-to-nodes" default:"false" usage:"send the trace context with parcels to other Internet nodes, which lets them link parcels"`
}

// TraceExporter is how traces are exported.
type TraceExporter string

// Set parses s.
func (e *TraceExporter) Set(s string) error {
	if !slices.Contains([]string{telemetry.TracesAuto, telemetry.TracesOff, telemetry.TracesGRPC, telemetry.TracesHTTP}, s) {
		return errors.New("want auto, off, otlp-grpc or otlp-http")
	}
	*e = TraceExporter(s)
	return nil
}

// String implements [pflag.Value].
func (e *TraceExporter) String() string { return string(*e) }

// Type names the kind of value in help texts.
func (*TraceExporter) Type() string { return "EXPORTER" }

// OptionalURL is a [URL] or "".
type OptionalURL string

// Set takes s, without a slash at its end.
func (u *OptionalURL) Set(s string) error {
	var parsed URL
	if s != "" {
		if err := parsed.Set(s); err != nil {
			return err
		}
	}
	*u = OptionalURL(parsed)
	return nil
}

// String implements [pflag.Value].
func (u *OptionalURL) String() string { return string(*u) }

// Type names the kind of value in help texts.
func (*OptionalURL) Type() string { return "URL" }

// Ratio is a number from 0 to 1.
type Ratio float64

// Set parses s.
func (r *Ratio) Set(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return errors.New("want a number from 0 to 1")
	}
	*r = Ratio(f)
	return nil
}

// String implements [pflag.Value].
func (r *Ratio) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }

// Type names the kind of value in help texts.
func (*Ratio) Type() string { return "RATIO" }
