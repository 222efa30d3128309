package poweb

import "github.com/prometheus/client_golang/prometheus"

// metrics tells what collections do:
//
//	awala_poweb_collectors                     open collections
//	awala_poweb_deliveries_total               parcels written to clients
//	awala_poweb_acknowledgements_total         acknowledgements recorded
//	awala_poweb_withheld_total{reason}         parcels passed over
//	awala_poweb_collections_ended_total{code}  ended collections by close code
//	awala_poweb_acknowledgement_seconds        from delivery to recorded acknowledgement
type metrics struct {
	collectors       prometheus.Gauge
	deliveries       prometheus.Counter
	acknowledgements prometheus.Counter
	withheld         *prometheus.CounterVec
	ended            *prometheus.CounterVec
	turnaround       prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		collectors: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "awala_poweb_collectors", Help: "Open parcel collections.",
		}),
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "awala_poweb_deliveries_total", Help: "Parcels written to collecting clients.",
		}),
		acknowledgements: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "awala_poweb_acknowledgements_total", Help: "Acknowledgements of collected parcels that were recorded.",
		}),
		withheld: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_poweb_withheld_total", Help: "Parcels passed over in a collection: expired, early, unusable or unavailable.",
		}, []string{"reason"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "awala_poweb_collections_ended_total", Help: "Ended collections by WebSocket close code; 1006 if none was sent.",
		}, []string{"code"}),
		turnaround: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "awala_poweb_acknowledgement_seconds",
			Help:    "Time from the end of a delivery to its recorded acknowledgement.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
	}
	for _, c := range []prometheus.Collector{m.collectors, m.deliveries, m.acknowledgements, m.withheld, m.ended, m.turnaround} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
