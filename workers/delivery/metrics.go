package delivery

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/tracing"
)

// Metrics counts and times attempts, and shows the state of a queue.
type Metrics struct {
	attempts *prometheus.CounterVec
	duration prometheus.Histogram
	own      prometheus.Counter
}

// NewMetrics registers the metrics of a queue and of the attempts at it.
func NewMetrics(registerer prometheus.Registerer, q *Queue, now func() time.Time) (*Metrics, error) {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_delivery_attempts_total",
			Help: "Attempts to deliver a parcel to another Internet node, by verdict (done, refused, later) and by the stage reached (dns, connect, request, answer).",
		}, []string{"verdict", "stage"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "awala_delivery_attempt_seconds",
			Help:    "Time that an attempt took.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 9),
		}),
		own: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "awala_delivery_failures_total",
			Help: "Attempts that could not be made for a reason of our own.",
		}),
	}
	for _, c := range []prometheus.Collector{m.attempts, m.duration, m.own, &gauges{queue: q, now: now}} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) attempted(ctx context.Context, job *Job, out handlers.Outcome, err error, took time.Duration) {
	if err != nil && !out.Attempted {
		m.own.Inc()
	}
	if out.Attempted && !job.Expire {
		m.attempts.WithLabelValues(out.Result.Verdict.String(), string(out.Result.Stage)).Inc()
		tracing.Observe(ctx, m.duration, took)
	}
}

var (
	waitingDesc = prometheus.NewDesc("awala_delivery_queue_parcels",
		"Parcels that wait for delivery to other Internet nodes, by state (queued, deferred, held).", []string{"state"}, nil)
	oldestDesc = prometheus.NewDesc("awala_delivery_queue_oldest_seconds",
		"Age of the parcel that has waited longest, 0 if there is none.", nil, nil)
	flightDesc = prometheus.NewDesc("awala_delivery_in_flight",
		"Attempts that are under way.", nil, nil)
	brokenDesc = prometheus.NewDesc("awala_delivery_destinations_open",
		"Destinations with parcels whose breaker is open or half-open.", nil, nil)
)

// gauges shows the state of a queue.
type gauges struct {
	queue *Queue
	now   func() time.Time
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(g, ch) }

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	t := g.queue.Totals(g.now())
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(waitingDesc, float64(t.Queued), "queued")
	gauge(waitingDesc, float64(t.Deferred), "deferred")
	gauge(waitingDesc, float64(t.Held), "held")
	gauge(oldestDesc, t.Oldest.Seconds())
	gauge(flightDesc, float64(t.InFlight))
	gauge(brokenDesc, float64(t.Broken))
}
