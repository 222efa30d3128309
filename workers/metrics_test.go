package workers

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/fault"
)

func TestMetrics(t *testing.T) {
	m, registry := testMetrics(t)
	for _, err := range []error{nil, nil, errors.New("x"), fault.Permanent(errors.New("x")), fault.Fatal(errors.New("x"))} {
		_ = through(m.middleware, delivered(t.Context(), 1), func(context.Context) error { return err })
	}
	want := map[string]float64{
		"awala_worker_messages_total fatal": 1, "awala_worker_messages_total ok": 2,
		"awala_worker_messages_total permanent": 1, "awala_worker_messages_total transient": 1,
		"awala_worker_in_hand": 0, "awala_worker_duration_seconds": 5,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// gathered returns the value of each metric by its name and outcome, and the
// count of a histogram.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				if label.GetName() == "outcome" {
					name += " " + label.GetValue()
				}
			}
			values[name] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestMetricsRegisterOnce(t *testing.T) {
	_, registry := testMetrics(t)
	if _, err := newMetrics(registry); err == nil {
		t.Error("the same metrics were registered twice")
	}
}
