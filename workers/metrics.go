package workers

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/tracing"
)

// metrics counts and times what handlers do.
type metrics struct {
	handled  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inHand   *prometheus.GaugeVec
	parked   *prometheus.CounterVec
	retries  *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_worker_messages_total",
			Help: "Messages handled, by outcome: ok, or the class of the error.",
		}, []string{"handler", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "awala_worker_duration_seconds",
			Help:    "Time that handling a message took, with its tries.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"handler"}),
		inHand: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "awala_worker_in_hand",
			Help: "Messages that handlers are working on.",
		}, []string{"handler"}),
		parked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_worker_parked_total",
			Help: "Messages set aside for an operator.",
		}, []string{"handler"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_worker_retries_total",
			Help: "Further tries of handlers, by where they took place: at once, or after the message came again.",
		}, []string{"handler", "when"}),
	}
	for _, c := range []prometheus.Collector{m.handled, m.duration, m.inHand, m.parked, m.retries} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) middleware(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		handler := message.HandlerNameFromCtx(msg.Context())
		inHand := m.inHand.WithLabelValues(handler)
		inHand.Inc()
		defer inHand.Dec()
		if d, ok := jetstream.DeliveryFrom(msg.Context()); ok && d.Attempt > 1 {
			m.retries.WithLabelValues(handler, "later").Inc()
		}
		start := time.Now()
		produced, err := next(msg)
		tracing.Observe(msg.Context(), m.duration.WithLabelValues(handler), time.Since(start))
		outcome := "ok"
		if err != nil {
			outcome = fault.Class(err)
		}
		m.handled.WithLabelValues(handler, outcome).Inc()
		return produced, err
	}
}

// retried counts a further try within one delivery, but not those of what an operator
// has handled again.
func (m *metrics) retried(msg *message.Message) {
	if handler := message.HandlerNameFromCtx(msg.Context()); handler != "" {
		m.retries.WithLabelValues(handler, "at once").Inc()
	}
}
