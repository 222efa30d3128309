package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/tracing"
)

// Metrics counts requests and their duration.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics of the named server:
//
//	awala_http_requests_total{server,route,method,code}
//	awala_http_request_duration_seconds{server,route}
func NewMetrics(registerer prometheus.Registerer, server string) (*Metrics, error) {
	constant := prometheus.Labels{"server": server}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "awala_http_requests_total",
			Help:        "Answered HTTP requests.",
			ConstLabels: constant,
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        "awala_http_request_duration_seconds",
			Help:        "Time from a request's header to the end of its answer; WebSockets do not count.",
			ConstLabels: constant,
			Buckets:     []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) observe(ctx context.Context, route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status)).Inc()
	if status != http.StatusSwitchingProtocols {
		tracing.Observe(ctx, m.duration.WithLabelValues(route), took)
	}
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}
