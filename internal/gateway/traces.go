package gateway

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/tracing"
)

// openTraces sets up the export of traces. They are exported to the end, after
// everything that makes spans has stopped.
func (a *assembly) openTraces(ctx context.Context) (err error) {
	c := a.config.Tracing
	a.traces, err = telemetry.OpenTraces(ctx, telemetry.TraceOptions{
		Exporter: string(c.Exporter), Endpoint: string(c.Endpoint), Ratio: float64(c.Ratio),
		Version: telemetry.Version(), Role: a.kind.Name, Registerer: a.metrics, Logger: a.loggerFor("traces"),
	})
	if err != nil {
		return err
	}
	a.life.started(stageAdmin, "traces", a.traces.Close)
	return nil
}

// tracer returns what makes spans, nil if nothing is to.
func (a *assembly) tracer() trace.Tracer {
	if !a.traces.On() {
		return nil
	}
	return a.traces.Tracer()
}

// entrance is where traces of clients' requests begin.
func (a *assembly) entrance() tracing.Entrance {
	return tracing.Entrance{Tracer: a.tracer(), Trusted: a.config.Tracing.TrustedPeers.List()}
}
