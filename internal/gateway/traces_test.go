package gateway_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/telemetry/otlptest"
)

// tracedTo returns settings of a gateway that exports every trace to a collector.
func tracedTo(c *config.Config, collector *otlptest.Collector) *config.Config {
	c.Tracing.Exporter = telemetry.TracesGRPC
	c.Tracing.Endpoint = config.OptionalURL(collector.URL)
	c.Tracing.Ratio = 1
	return c
}

// flow keeps what is the same in every run: all but the uses of documents and keys,
// which depend on caches and on how far projections are.
func flow(name string) bool {
	return !strings.HasPrefix(name, "documents ") && !strings.HasPrefix(name, "keys ")
}

// of tells the spans of a parcel by their name.
func of(parcel []byte, name string) func(otlptest.Span) bool {
	return func(s otlptest.Span) bool { return s.Name == name && s.Attribute("parcel_id") == idOf(parcel) }
}

func idOf(parcel []byte) string {
	m, err := ramf.Parse(parcel)
	if err != nil {
		panic(err)
	}
	return m.ID
}

// awaitTree waits until the trace of a parcel has the shape that docs/tracing.md shows
// under the name.
func awaitTree(t *testing.T, collector *otlptest.Collector, traceID, name string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/tracing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(doc), "```trace "+name+"\n")
	want, _, _ = strings.Cut(want, "```")
	var got string
	if !collector.Until(func(spans []otlptest.Span) bool {
		got = otlptest.Tree(spans, traceID, flow)
		return got == want
	}) {
		t.Errorf("the trace (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// written returns a parcel from one endpoint of a private gateway to another.
func written(t *testing.T, g *powebclient.PrivateGateway) []byte {
	t.Helper()
	to, err := g.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	from, err := g.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	parcel, err := from.Write(powebclient.Parcel{To: to, Payload: []byte("none of the tracing")})
	if err != nil {
		t.Fatal(err)
	}
	return parcel
}

// TestTraceFromInternetToPrivateGateway follows a parcel from PoHTTP to its
// acknowledgement by PoWeb and the deletion of its blob, over a restart between.
func TestTraceFromInternetToPrivateGateway(t *testing.T) {
	collector, dir := otlptest.Start(t), t.TempDir()
	first := start(t, tracedTo(settings(dir), collector))
	before := first.Info()
	peer, err := newClient(t, first).NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parcel := written(t, peer)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := powebclient.DeliverByPoHTTP(t.Context(), &http.Client{Transport: transport}, "http://"+before.Servers["pohttp"], parcel); err != nil {
		t.Fatal(err)
	}
	stop(t, first) // and so everything is exported

	c := tracedTo(settings(dir), collector)
	c.PoWeb.Listen = config.Listen(before.Servers["poweb"])
	second := start(t, c)
	if got := collectAll(t, peer); len(got) != 1 {
		t.Fatalf("collected %d parcels", len(got))
	}
	entrance := collector.Await(t, of(parcel, "POST root"))
	awaitTree(t, collector, entrance.TraceID(), "internet-to-private-gateway")
	stop(t, second)
	delivery := collector.Await(t, of(parcel, "deliver to private gateway"))
	if delivery.Process("service.instance.id") == entrance.Process("service.instance.id") {
		t.Error("both halves are from one process")
	}
	if entrance.Process("service.name") != "awala-gateway" || entrance.Process("awala.role") != "standalone" {
		t.Errorf("process %v", entrance.Resource)
	}
	upgrade := collector.Await(t, func(s otlptest.Span) bool { return s.Name == "GET parcel-collection" })
	if !delivery.LinkedTo(upgrade.TraceID()) {
		t.Error("the delivery is not linked to the collection")
	}
	collector.Await(t, func(s otlptest.Span) bool {
		return strings.HasPrefix(s.Name, "handle mailbox") && s.LinkedTo(entrance.TraceID())
	})
}

// TestTraceFromCargoToInternet follows a parcel that came in a cargo to another
// node, which takes it at the second attempt.
func TestTraceFromCargoToInternet(t *testing.T) {
	collector, r := otlptest.Start(t), newReceiver(t, http.StatusServiceUnavailable)
	headers := make(chan http.Header, 2)
	serve := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		headers <- req.Header.Clone()
		serve.ServeHTTP(w, req)
	})
	g := start(t, tracedTo(deliveringTo(t, t.TempDir(), r), collector))
	defer stop(t, g)
	sender := newOffline(t, newClient(t, g))
	parcel, err := sender.Write(powebclient.Parcel{To: sender.Endpoint, InternetAddress: "example.org", Payload: []byte("none of the tracing")})
	if err != nil {
		t.Fatal(err)
	}
	deliverCargo(t, newCourier(t, g), sender, parcel)
	attempt := collector.Await(t, of(parcel, "attempt delivery"))
	awaitTree(t, collector, attempt.TraceID(), "cargo-to-internet")
	call := collector.Await(t, func(s otlptest.Span) bool { return strings.HasSuffix(s.Name, "/DeliverCargo") })
	stored := collector.Await(t, func(s otlptest.Span) bool { return s.Name == "store cargo" })
	if !stored.LinkedTo(call.TraceID()) {
		t.Error("the cargo is not linked to the call that brought it")
	}
	for range 2 {
		if h := <-headers; h.Get("Traceparent") != "" || h.Get("Tracestate") != "" {
			t.Error("another node learnt of our trace")
		}
	}
	for _, s := range collector.Spans() {
		if s.TraceID() == attempt.TraceID() && bytes.Contains([]byte(s.String()), []byte("none of the tracing")) {
			t.Error("a payload is in a span")
		}
	}
}

// TestTraceOfWhatIsCollectedInCargo follows a parcel that is handed out in a courier's
// cargo: its acknowledgement (PCA) comes in another cargo, whose trace is linked, and
// ends it in its own trace.
func TestTraceOfWhatIsCollectedInCargo(t *testing.T) {
	collector := otlptest.Start(t)
	g := start(t, tracedTo(settings(t.TempDir()), collector))
	defer stop(t, g)
	client, courier := newClient(t, g), newCourier(t, g)
	sender, recipient := newOffline(t, client), newOffline(t, client)
	parcel := write(t, sender, recipient)
	if err := sender.online.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	if got := recipient.collect(t, courier)[cargo.KindParcel]; len(got) != 1 {
		t.Fatalf("collected %d parcels", len(got))
	}
	ack, err := courierclient.Acknowledgement(parcel)
	if err != nil {
		t.Fatal(err)
	}
	deliverCargo(t, courier, recipient, ack)

	entrance := collector.Await(t, of(parcel, "POST parcels"))
	awaitTree(t, collector, entrance.TraceID(), "collected-in-cargo")
	collected := collector.Await(t, func(s otlptest.Span) bool {
		return s.Name == "collected in cargo" && s.TraceID() == entrance.TraceID()
	})
	unwrapped := collector.Await(t, func(s otlptest.Span) bool { return strings.HasPrefix(s.Name, "handle unwrap-cargo") })
	if !collected.LinkedTo(unwrapped.TraceID()) {
		t.Error("the end is not linked to the cargo that brought the acknowledgement")
	}
}

// TestNodesGetTraceContextIfSaidSo shows that with --tracing-to-nodes another node can
// continue the trace, at the very attempt that it sees.
func TestNodesGetTraceContextIfSaidSo(t *testing.T) {
	collector, r := otlptest.Start(t), newReceiver(t)
	headers := make(chan http.Header, 1)
	serve := r.Config.Handler
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		headers <- req.Header.Clone()
		serve.ServeHTTP(w, req)
	})
	c := tracedTo(deliveringTo(t, t.TempDir(), r), collector)
	c.Tracing.ToNodes = true
	g := start(t, c)
	defer stop(t, g)
	parcel := sendAway(t, g)
	attempt := collector.Await(t, of(parcel, "attempt delivery"))
	got := (<-headers).Get("Traceparent")
	if parts := strings.Split(got, "-"); len(parts) != 4 || parts[1] != attempt.TraceID() || parts[3] != "01" {
		t.Errorf("traceparent %q, in trace %s", got, attempt.TraceID())
	}
}

// TestClientsDoNotDecideAboutTraces sends trace contexts: that of a stranger is
// linked, that of a trusted client continued.
func TestClientsDoNotDecideAboutTraces(t *testing.T) {
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	for name, trusted := range map[string]config.Networks{"stranger": "", "trusted": "127.0.0.0/8,::1/128"} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.Start(t)
			c := tracedTo(settings(t.TempDir()), collector)
			c.Tracing.TrustedPeers = trusted
			g := start(t, c)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.Info().Servers["pohttp"]+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Traceparent", "00-"+theirs+"-b7ad6b7169203331-01")
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			answer, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			stop(t, g)
			span := collector.Await(t, func(s otlptest.Span) bool { return s.Name == "GET root" })
			if continued := span.TraceID() == theirs; continued != (trusted != "") {
				t.Errorf("continued: %v", continued)
			}
			if linked := span.LinkedTo(theirs); linked != (trusted == "") {
				t.Errorf("linked: %v", linked)
			}
		})
	}
}

// TestFailuresAreExported shows that of what is not sampled only failures are
// exported, and that logs name the trace.
func TestFailuresAreExported(t *testing.T) {
	collector, r := otlptest.Start(t), newReceiver(t, http.StatusServiceUnavailable)
	c := tracedTo(deliveringTo(t, t.TempDir(), r), collector)
	c.Tracing.Ratio = 0
	logs := &lines{}
	o := options(t, c)
	o.Logger = telemetry.NewLogger(logs, telemetry.JSON, slog.LevelInfo)
	g, err := gateway.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	parcel := sendAway(t, g)
	r.next(t)
	r.next(t)
	failed := collector.Await(t, of(parcel, "attempt delivery"))
	stop(t, g)
	if !failed.Failed() {
		t.Error("the span of what did not fail")
	}
	for _, s := range collector.Spans() {
		if !s.Failed() {
			t.Errorf("%s was exported", s.Name)
		}
	}
	accepted := logs.with(`"msg":"parcel accepted"`)
	if !strings.Contains(accepted, `"trace_id":"`+failed.TraceID()+`"`) {
		t.Errorf("trace %s is not in %s", failed.TraceID(), accepted)
	}
}

// lines keeps log records.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

// with returns the first record with some text.
func (l *lines) with(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// TestStopWithoutCollector shows that a collector that is not there delays nothing.
func TestStopWithoutCollector(t *testing.T) {
	collector := otlptest.Start(t)
	c := tracedTo(settings(t.TempDir()), collector)
	c.Tracing.Endpoint = "http://127.0.0.1:1"
	g := start(t, c)
	deliverOne(t, newClient(t, g))
	stop(t, g)
}
