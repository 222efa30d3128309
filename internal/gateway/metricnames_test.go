package gateway

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/telemetry"
)

// exported returns the name and the labels of every metric that a process with all
// roles registers, whether it has a value yet or not.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	c := config.Default()
	c.Standalone.DataDir = config.Path(t.TempDir())
	for _, listen := range []*config.Listen{&c.PoWeb.Listen, &c.PoHTTP.Listen, &c.CogRPC.Listen, &c.Admin.Listen} {
		*listen = "127.0.0.1:0"
	}
	level := new(slog.LevelVar)
	o := Options{Kind: Standalone(), Config: c, Logger: telemetry.NewLogger(t.Output(), telemetry.Text, level), Level: level}
	g, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		g.assembly.metrics.Describe(descriptions)
	}()
	names := make(map[string][]string)
	pattern := regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{(.*)\}, variableLabels: \{([^}]*)\}`)
	for d := range descriptions {
		m := pattern.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		labels := strings.Split(m[3], ",")
		for constant := range strings.SplitSeq(m[2], ",") {
			name, _, _ := strings.Cut(constant, "=")
			labels = append(labels, name)
		}
		names[m[1]] = append(names[m[1]], labels...)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	return names
}

// queries returns the PromQL of the alerts and the dashboards.
func queries(t *testing.T) (all []string) {
	t.Helper()
	alerts, err := os.ReadFile("../../deployments/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	expression := regexp.MustCompile(`(?m)^ +expr: ((?:.|\n)*?)\n +(?:for|labels):`)
	for _, m := range expression.FindAllStringSubmatch(string(alerts), -1) {
		all = append(all, m[1])
	}
	dashboard, err := os.ReadFile("../../deployments/grafana/awala-gateway.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

// TestQueriesUseWhatIsExported holds alerts and dashboards to the metrics, and to the
// labels, that the binary has.
func TestQueriesUseWhatIsExported(t *testing.T) {
	names := exported(t)
	all := queries(t)
	if len(all) < 60 {
		t.Fatalf("only %d queries found", len(all))
	}
	metric := regexp.MustCompile(`\b((?:awala|go|process)_[a-z_]+)\b(?:\{([^}]*)\})?`)
	part := regexp.MustCompile(`_(bucket|sum|count)$`)
	label := regexp.MustCompile(`([a-z_]+)=`)
	for _, query := range all {
		for _, m := range metric.FindAllStringSubmatch(query, -1) {
			labels, ok := names[m[1]]
			if !ok {
				labels, ok = names[part.ReplaceAllString(m[1], "")]
			}
			if !ok {
				t.Errorf("no metric is called %s: %s", m[1], query)
			}
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if ok && !slices.Contains(labels, l[1]) {
					t.Errorf("%s has no label %s: %s", m[1], l[1], query)
				}
			}
		}
	}
}

// TestEveryMetricIsShown wants each metric of ours in an alert or a panel.
func TestEveryMetricIsShown(t *testing.T) {
	all := strings.Join(queries(t), "\n")
	for name := range exported(t) {
		if strings.HasPrefix(name, "awala_") && !regexp.MustCompile(`\b`+name+`(_bucket|_sum|_count)?\b`).MatchString(all) {
			t.Errorf("no alert and no panel asks for %s", name)
		}
	}
}
