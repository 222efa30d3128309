package interop

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	healthyName = "healthy.example"
	newName     = "new.example"
	// badNames is how many destinations there are of each bad kind.
	badNames = 50
	// probeInterval is the pace of parcels to the healthy destination, whether or
	// not those before have arrived.
	probeInterval = 20 * time.Millisecond
	// isolationFactor is how much longer deliveries may take because of others'
	// trouble, isolationNoise what is forgiven to a machine that others use.
	isolationFactor = 2
	isolationNoise  = 100 * time.Millisecond
)

// TestIsolation shows with 1,000 parcels what [BenchmarkIsolation] measures.
func TestIsolation(t *testing.T) {
	if testing.Short() {
		t.Skip("queues 1,000 parcels")
	}
	t.Parallel()
	m := measureIsolation(t, 1000, 100)
	t.Logf("%+v", m)
	m.judge(t)
}

// BenchmarkIsolation queues 10,000 parcels to destinations that refuse
// connections, answer 503, hang after the request, or do not even accept
// connections, and measures how long parcels take from the sender's request to a
// healthy destination: before, and then while all of those are queued and tried.
// Then it does the same for one that was never heard of before. One count is
// one run (-benchtime=1x).
func BenchmarkIsolation(b *testing.B) {
	for range b.N {
		m := measureIsolation(b, 10_000, 300)
		b.ReportMetric(m.AloneP50, "p50-alone-ms")
		b.ReportMetric(m.AloneP99, "p99-alone-ms")
		b.ReportMetric(m.CrowdedP50, "p50-crowded-ms")
		b.ReportMetric(m.CrowdedP99, "p99-crowded-ms")
		b.ReportMetric(m.NewP99, "p99-new-ms")
		b.ReportMetric(m.InFlight, "bad-in-flight")
		b.ReportMetric(m.FailedPerSecond, "bad-attempts/s")
		b.ReportMetric(m.FillPerSecond, "fill-parcels/s")
		b.ReportMetric(0, "ns/op") // the whole run's time says nothing
		m.judge(b)
	}
}

// isolation is what was measured, times in milliseconds.
type isolation struct {
	AloneP50, AloneP99, CrowdedP50, CrowdedP99, NewP99, FillPerSecond float64
	// InFlight and FailedPerSecond are the attempts at bad destinations at the end
	// and during the probes.
	InFlight, FailedPerSecond float64
}

func (m isolation) judge(tb testing.TB) {
	tb.Helper()
	limit := m.AloneP99*isolationFactor + float64(isolationNoise.Milliseconds())
	if m.CrowdedP99 > limit {
		tb.Errorf("p99 of deliveries to a healthy destination: %.0f ms with a crowd, %.0f ms without", m.CrowdedP99, m.AloneP99)
	}
}

func measureIsolation(tb testing.TB, crowd, probes int) (m isolation) {
	tb.Helper()
	healthy := newReceiver(tb, nil)
	names, flags := newBadNodes(tb)
	flags = append(flags, healthy.override(healthyName)...)
	flags = append(flags, healthy.override(newName)...)
	// Retries are far more frequent than by default: they must not matter.
	flags = append(flags, "--delivery-retry-initial", "2s", "--delivery-retry-max", "10s")
	gateway := process.StartStandalone(tb, tb.TempDir(), flags...)
	from, endpoint := newInternetSender(tb, gateway)
	from = from.At(benchClient(tb, gateway))

	warmUp := writeMany(tb, endpoint, probes/2, healthyName)
	alone := writeMany(tb, endpoint, probes, healthyName)
	crowded := writeMany(tb, endpoint, probes, healthyName)
	unheard := writeMany(tb, endpoint, probes, newName)
	queued := writeMany(tb, endpoint, crowd, names...)
	probe(tb, from, healthy, warmUp)
	latencies := probe(tb, from, healthy, alone)
	m.AloneP50, m.AloneP99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
	began := time.Now()
	each(tb, queued, from.Deliver)
	m.FillPerSecond = float64(crowd) / time.Since(began).Seconds()
	failedBefore := sum(tb, metrics(tb, gateway), "awala_delivery_attempts_total")
	began = time.Now()
	latencies = probe(tb, from, healthy, crowded)
	m.CrowdedP50, m.CrowdedP99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
	m.NewP99 = quantile(probe(tb, from, healthy, unheard), 0.99)
	after, took := metrics(tb, gateway), time.Since(began)
	m.InFlight = sum(tb, after, "awala_delivery_in_flight")
	m.FailedPerSecond = (sum(tb, after, "awala_delivery_attempts_total") - failedBefore - float64(2*probes)) / took.Seconds()
	if waiting := sum(tb, after, "awala_delivery_queue_parcels"); waiting < float64(crowd) {
		tb.Errorf("only %v of %d parcels are still queued", waiting, crowd)
	}
	return m
}

// newBadNodes returns the names of destinations that do not work, each of its own
// kind, and the flags that say where they are.
func newBadNodes(tb testing.TB) (names, flags []string) {
	tb.Helper()
	unavailable := newReceiver(tb, func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	hanging := newReceiver(tb, func(_ http.ResponseWriter, r *http.Request, _ string) { hang(r, time.Hour) })
	silent, err := net.Listen("tcp", "127.0.0.1:0") // and never accepts
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = silent.Close() })
	for kind, url := range map[string]string{
		"refusing": "http://" + closedPort(tb), "silent": "http://" + silent.Addr().String(),
		"unavailable": unavailable.URL, "hanging": hanging.URL,
	} {
		for n := range badNames {
			name := fmt.Sprintf("%s%d.example", kind, n)
			names = append(names, name)
			flags = append(flags, "--pdc-override", name+"="+url)
		}
	}
	return names, flags
}

// probe hands in parcels at a steady pace, and returns how long each took until it
// reached the node, sorted.
func probe(tb testing.TB, from *powebclient.PrivateGateway, node *receiver, parcels [][]byte) []time.Duration {
	tb.Helper()
	began := make([]time.Time, len(parcels))
	group, ctx := errgroup.WithContext(tb.Context())
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for i, parcel := range parcels {
		<-ticker.C
		began[i] = time.Now()
		group.Go(func() error { return from.Deliver(ctx, parcel) })
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
	latencies := make([]time.Duration, len(parcels))
	for i, parcel := range parcels {
		latencies[i] = node.await(tb, parcelID(parcel)).Sub(began[i])
	}
	slices.Sort(latencies)
	return latencies
}

// await returns when the parcel first arrived.
func (r *receiver) await(tb testing.TB, id string) time.Time {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for {
		if times := r.times(id); len(times) > 0 {
			return times[0]
		}
		select {
		case <-r.arrived:
		case <-ctx.Done():
			tb.Fatalf("parcel %s did not arrive", id)
		}
	}
}

// quantile returns the q-quantile of sorted durations in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return float64(sorted[max(i, 0)].Microseconds()) / 1000
}
