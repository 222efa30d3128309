package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry of its own (never the global one) with the
// metrics of the Go runtime, the process, and awala_gateway_info, which is 1
// and labelled with the version and the role.
func NewRegistry(version, role string) *prometheus.Registry {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "awala_gateway_info",
		Help:        "1, labelled with what runs.",
		ConstLabels: prometheus.Labels{"version": version, "role": role},
	})
	info.Set(1)
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
	)
	return r
}
