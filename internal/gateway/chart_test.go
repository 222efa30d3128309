package gateway

import (
	"os"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestChartScalesByWhatThereIs holds the chart's KEDA triggers to the consumers and
// the metrics.
func TestChartScalesByWhatThereIs(t *testing.T) {
	content, err := os.ReadFile("../../deployments/helm/awala-gateway/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values struct {
		Roles map[string]struct {
			Autoscaling struct {
				Keda struct {
					Consumers []struct{ Stream, Consumer string }
					Queries   []struct{ Query string }
				}
			}
		}
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	names, scaled := exported(t), map[string]bool{}
	for role, r := range values.Roles {
		for _, c := range r.Autoscaling.Keda.Consumers {
			scaled[c.Stream+"/"+c.Consumer] = true
		}
		for _, q := range r.Autoscaling.Keda.Queries {
			for _, metric := range regexp.MustCompile(`awala_[a-z_]+`).FindAllString(q.Query, -1) {
				if names[metric] == nil {
					t.Errorf("%s: no metric is called %s", role, metric)
				}
			}
		}
	}
	for _, c := range durableConsumers() {
		if !scaled[c.Stream+"/"+c.Name] {
			t.Errorf("nothing scales by the lag of %s of %s", c.Name, c.Stream)
		}
		delete(scaled, c.Stream+"/"+c.Name)
	}
	if len(scaled) > 0 {
		t.Errorf("there are no consumers %v", scaled)
	}
}
