package gateway

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/ping"
)

var updateMetrics = flag.Bool("update-metrics", false, "write docs/metrics.md anew")

const metricsDoc = "../../docs/metrics.md"

// labelMeanings says what stands in each label and why there are few values of it.
// A label that is missing here fails TestMetricsReference.
var labelMeanings = map[string]string{
	"channel":    "gateway parcels, internet parcels, cargo",
	"code":       "HTTP status, gRPC code or WebSocket close code that a server of ours sends",
	"consumer":   "durable consumers of the workers, and those who park",
	"from":       "poweb, pohttp, cargo: the binding by which a parcel came in",
	"handler":    "handlers of the workers: one for each consumer and projection",
	"limit":      "the limits of a server (docs/limits.md)",
	"method":     "the known HTTP methods, or other",
	"operation":  "operations of the stores' ports: get, put, ...",
	"outcome":    "ok, or the class of the error; for cargo, collections and spans what the metric's text says",
	"projection": "the read models",
	"reason":     "few words that the metric's text names",
	"role":       "kinds of process; for workers' metrics the role in the process",
	"route":      "names of the routes of a server, or unmatched",
	"rpc":        "DeliverCargo, CollectCargo",
	"server":     "poweb, pohttp, cogrpc",
	"stage":      "how far an attempt came: dns, connect, request, answer",
	"state":      "queued, deferred, held",
	"store":      "blobs, documents, keys",
	"stream":     "the streams of the history",
	"to":         "poweb, pohttp, cargo: the binding by which a parcel went out",
	"type":       "types of events",
	"verdict":    "done, refused, later",
	"version":    "what the binary was built from",
	"when":       "at once, later",
}

// metricRoles are the roles as processes of their own, by the name in the reference.
var metricRoles = []struct {
	name string
	role func() role
}{
	{"poweb", powebRole},
	{"pohttp", pohttpRole},
	{"cogrpc", cogrpcRole},
	{"cargo", cargoRole},
	{"delivery", deliveryRole},
	{"projections", projectionsRole},
	{"housekeeping", housekeepingRole},
}

// metric is one metric of ours.
type metric struct {
	name, help    string
	labels, roles []string
}

var descPattern = regexp.MustCompile(`fqName: "([^"]+)", help: "(.*?)"(?:, unit: "[^"]*")?, constLabels: \{(.*)\}, variableLabels: \{([^}]*)\}`)

// described adds the metrics that a registry of a role describes.
func described(t *testing.T, all map[string]*metric, registry *prometheus.Registry, role string) {
	t.Helper()
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	for d := range descriptions {
		part := descPattern.FindStringSubmatch(d.String())
		if part == nil {
			t.Fatalf("cannot read %s", d)
		}
		name := part[1]
		if !strings.HasPrefix(name, "awala_") {
			continue
		}
		m := all[name]
		if m == nil {
			m = &metric{name: name, help: part[2]}
			all[name] = m
		}
		for label := range strings.SplitSeq(part[3]+","+part[4], ",") {
			label, _, _ = strings.Cut(label, "=")
			if label != "" && !slices.Contains(m.labels, label) {
				m.labels = append(m.labels, label)
			}
		}
		if !slices.Contains(m.roles, role) {
			m.roles = append(m.roles, role)
		}
	}
}

// kindOf tells the type of a metric: as gathered, or, where there is no value yet, by
// the conventions that its name keeps to.
func kindOf(m *metric, gathered map[string]dto.MetricType) string {
	if kind, ok := gathered[m.name]; ok {
		return strings.ToLower(kind.String())
	}
	switch {
	case strings.HasSuffix(m.name, "_total"):
		return "counter"
	case strings.HasSuffix(m.name, "_seconds") && (strings.HasPrefix(m.help, "Time ") || strings.HasPrefix(m.help, "Duration ")):
		return "histogram"
	default:
		return "gauge"
	}
}

// roleAlone starts one role on embedded services.
func roleAlone(t *testing.T, r role) *Gateway {
	t.Helper()
	o := runOptions(t, r)
	for _, listen := range []*config.Listen{&o.Config.PoWeb.Listen, &o.Config.PoHTTP.Listen, &o.Config.CogRPC.Listen} {
		*listen = "127.0.0.1:0"
	}
	g, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestMetricsReference holds docs/metrics.md to the metrics that the roles register.
// -update-metrics writes it.
func TestMetricsReference(t *testing.T) {
	all := map[string]*metric{}
	gathered := map[string]dto.MetricType{}
	for _, r := range metricRoles {
		g := roleAlone(t, r.role())
		described(t, all, g.assembly.metrics, r.name)
		families, err := g.assembly.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			gathered[f.GetName()] = f.GetType()
		}
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	want := reference(t, all, gathered)
	if *updateMetrics {
		if err := os.WriteFile(metricsDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(have)); d != "" {
		t.Errorf("docs/metrics.md is out of date: go test ./internal/gateway -run MetricsReference -update-metrics (-want +have)\n%s", d)
	}
}

// reference writes the document.
func reference(t *testing.T, all map[string]*metric, gathered map[string]dto.MetricType) string {
	var b strings.Builder
	b.WriteString(`# Metrics

Every process exports these at ` + "`/metrics`" + ` of its admin server, beside those of the Go
runtime and the process, in Prometheus's text form and, for who asks for it, OpenMetrics,
in which buckets of durations have the trace of a request as exemplar
([tracing](tracing.md)). *Generated from the registry of each role.*

A metric is in all roles unless they are named. Standalone has all. The alerts and the
dashboard in [deployments](../deployments) are made of them.

| metric | type | labels | what it is |
|---|---|---|---|
`)
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		slices.Sort(m.labels)
		for _, l := range m.labels {
			used[l] = true
		}
		help := m.help
		if len(m.roles) < len(metricRoles) {
			help += " *" + strings.Join(m.roles, ", ") + "*"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kindOf(m, gathered), strings.Join(m.labels, ", "), help)
	}
	b.WriteString(`
## Labels

No label holds what a client chooses or what grows with the traffic: no ids, addresses,
names of nodes, or texts of errors. A test sends such and counts the series.

| label | values |
|---|---|
`)
	for _, label := range slices.Sorted(maps.Keys(used)) {
		meaning, ok := labelMeanings[label]
		if !ok {
			t.Errorf("nobody says why the values of the label %s are few", label)
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", label, meaning)
	}
	return b.String()
}

// maxSeries is the most series of one metric in one process: types of events times
// nothing, or routes times methods times statuses that occur.
const maxSeries = 120

// TestLabelsAreBounded sends what clients can choose, from many clients, and shows that
// none of it is in a label and that the series do not grow with it.
func TestLabelsAreBounded(t *testing.T) {
	o := runOptions(t, role{})
	o.Kind = Standalone()
	for _, listen := range []*config.Listen{&o.Config.PoWeb.Listen, &o.Config.PoHTTP.Listen, &o.Config.CogRPC.Listen} {
		*listen = "127.0.0.1:0"
	}
	o.Logger = slog.New(slog.DiscardHandler)
	g, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	servers := g.Info().Servers
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	hostile := func(from int) {
		for i := from; i < from+40; i++ {
			mark := fmt.Sprintf("hostile%d", i)
			for _, server := range []string{"poweb", "pohttp"} {
				request, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(mark), "http://"+servers[server]+"/"+mark+"?"+mark, strings.NewReader(mark))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("X-Request-Id", mark)
				request.Header.Set("Content-Type", mark)
				if answer, err := transport.RoundTrip(request); err == nil {
					answer.Body.Close()
				}
			}
		}
	}
	run := func() {
		target := ping.Target{PoWeb: "http://" + servers["poweb"], PoHTTP: "http://" + servers["pohttp"], CogRPC: "http://" + servers["cogrpc"]}
		if err := ping.Run(t.Context(), target, &ping.Report{W: t.Output()}); err != nil {
			t.Fatal(err)
		}
	}
	hostile(0)
	run() // with private gateways of its own
	before := seriesOf(t, g)
	hostile(40)
	for range 3 {
		run()
	}
	for name, n := range seriesOf(t, g) {
		if n > maxSeries {
			t.Errorf("%s has %d series", name, n)
		}
		// Housekeeping, which goes on by itself, may add a few.
		if had := before[name]; had > 0 && n > had+4 {
			t.Errorf("%s grew from %d to %d series", name, had, n)
		}
	}
}

var idPattern = regexp.MustCompile(`[0-9a-f]{16,}|hostile`)

// seriesOf counts the series of each metric of ours.
func seriesOf(t *testing.T, g *Gateway) map[string]int {
	t.Helper()
	families, err := g.assembly.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, f := range families {
		counts[f.GetName()] = len(f.GetMetric())
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if idPattern.MatchString(strings.ToLower(l.GetValue())) && l.GetName() != "version" {
					t.Errorf("%s has the label %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	return counts
}
