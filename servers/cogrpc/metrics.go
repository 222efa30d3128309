package cogrpc

import "github.com/prometheus/client_golang/prometheus"

// metrics tells what couriers do:
//
//	awala_cogrpc_calls_total{rpc,code}              ended calls
//	awala_cogrpc_call_duration_seconds{rpc}         their duration
//	awala_cogrpc_calls_in_hand{rpc}                 open calls
//	awala_cogrpc_cargoes_received_total{outcome}    stored, duplicate, refused, failed
//	awala_cogrpc_acknowledgement_seconds            from receipt of a cargo to its acknowledgement
//	awala_cogrpc_cargoes_sent_total                 cargoes handed out
//	awala_cogrpc_cargoes_acknowledged_total         and acknowledged
//	awala_cogrpc_first_cargo_seconds                from the call to its first cargo
//	awala_cogrpc_collections_total{outcome}         fulfilled, unfulfilled
type metrics struct {
	calls           *prometheus.CounterVec
	duration        *prometheus.HistogramVec
	inHand          *prometheus.GaugeVec
	received        *prometheus.CounterVec
	acknowledgement prometheus.Histogram
	sent            prometheus.Counter
	acknowledged    prometheus.Counter
	firstCargo      prometheus.Histogram
	collections     *prometheus.CounterVec
}

var seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_cogrpc_calls_total", Help: "Ended calls.",
		}, []string{"rpc", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "awala_cogrpc_call_duration_seconds", Help: "Duration of calls.", Buckets: seconds,
		}, []string{"rpc"}),
		inHand: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "awala_cogrpc_calls_in_hand", Help: "Open calls.",
		}, []string{"rpc"}),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_cogrpc_cargoes_received_total", Help: "Cargoes that couriers delivered, by what became of them.",
		}, []string{"outcome"}),
		acknowledgement: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "awala_cogrpc_acknowledgement_seconds", Help: "Time from the receipt of a cargo to its acknowledgement.", Buckets: seconds,
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "awala_cogrpc_cargoes_sent_total", Help: "Cargoes that were handed out to couriers.",
		}),
		acknowledged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "awala_cogrpc_cargoes_acknowledged_total", Help: "Cargoes that couriers acknowledged.",
		}),
		firstCargo: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "awala_cogrpc_first_cargo_seconds", Help: "Time from the start of a collection to its first cargo.", Buckets: seconds,
		}),
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_cogrpc_collections_total", Help: "Authenticated collections, by whether all of it was acknowledged.",
		}, []string{"outcome"}),
	}
	for _, c := range []prometheus.Collector{
		m.calls, m.duration, m.inHand, m.received, m.acknowledgement, m.sent, m.acknowledged, m.firstCargo, m.collections,
	} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
