package interop

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

// benchClients is how many senders work at once: acknowledgements wait for the
// disk, so one alone would measure only the disk's latency.
const benchClients = 64

// BenchmarkAccept measures how many 1 KiB parcels bound for a private gateway
// one standalone process accepts, each durable before its 202, and what each
// costs the process in CPU time. Sender and gateway share the machine. Run it
// with a fixed count (-benchtime=2000x): the parcels are written beforehand.
func BenchmarkAccept(b *testing.B) {
	b.Run("pohttp", func(b *testing.B) {
		benchmarkAccept(b, func(ctx context.Context, g *benchPeers, parcel []byte) error {
			return powebclient.DeliverByPoHTTP(ctx, g.http, g.pohttp, parcel)
		})
	})
	b.Run("poweb", func(b *testing.B) {
		benchmarkAccept(b, func(ctx context.Context, g *benchPeers, parcel []byte) error {
			return g.from.Deliver(ctx, parcel)
		})
	})
}

// BenchmarkPush measures the time from a sender's request to the delivery at a
// collector that is connected and idle.
func BenchmarkPush(b *testing.B) {
	peers := newBenchPeers(b)
	parcels := peers.write(b, b.N)
	collection, err := peers.to.Collect(b.Context(), powebclient.KeepAlive)
	if err != nil {
		b.Fatal(err)
	}
	defer collection.Close()
	latencies := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for _, parcel := range parcels {
		began := time.Now()
		if err := powebclient.DeliverByPoHTTP(b.Context(), peers.http, peers.pohttp, parcel); err != nil {
			b.Fatal(err)
		}
		delivery, err := collection.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		latencies = append(latencies, time.Since(began))
		if err := delivery.Acknowledge(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	slices.Sort(latencies)
	b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
}

func benchmarkAccept(b *testing.B, deliver func(context.Context, *benchPeers, []byte) error) {
	peers := newBenchPeers(b)
	parcels := peers.write(b, b.N)
	cpu := cpuTime(b, peers.gateway.PID)
	stopProfile := startProfile(b, peers.gateway)
	b.ResetTimer()
	each(b, parcels, func(ctx context.Context, parcel []byte) error { return deliver(ctx, peers, parcel) })
	b.StopTimer()
	cpu = cpuTime(b, peers.gateway.PID) - cpu
	stopProfile()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "parcels/s")
	b.ReportMetric(cpu.Seconds()*1000/float64(b.N), "cpu-ms/parcel")
}

// profileTo names the folder for a CPU profile of the gateway under each benchmark;
// by default there are none.
const profileTo = "AWALA_BENCH_PROFILES"

// startProfile profiles the gateway for some seconds, and returns how to wait for the
// profile.
func startProfile(b *testing.B, g *process.Standalone) (wait func()) {
	b.Helper()
	folder := os.Getenv(profileTo)
	if folder == "" || b.N == 1 {
		return func() {}
	}
	var group errgroup.Group
	group.Go(func() error {
		answer, err := http.Get(g.URL("admin") + "/debug/pprof/profile?seconds=5")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		profile, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, strings.ReplaceAll(b.Name(), "/", "-")+".pprof"), profile, 0o644)
	})
	return func() {
		if err := group.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// benchPeers are a gateway and two private gateways registered with it.
type benchPeers struct {
	gateway  *process.Standalone
	http     *http.Client // for PoHTTP
	pohttp   string
	from, to *powebclient.PrivateGateway
}

func newBenchPeers(b *testing.B) *benchPeers {
	b.Helper()
	p := &benchPeers{gateway: process.StartStandalone(b, b.TempDir(), "--admin-profiles")}
	p.pohttp = p.gateway.URL("pohttp")
	p.http = newBenchHTTP(b)
	client := benchClient(b, p.gateway)
	var err error
	for _, peer := range []**powebclient.PrivateGateway{&p.from, &p.to} {
		if *peer, err = client.NewPrivateGateway(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

// newBenchHTTP returns a client that keeps a connection for each sender.
func newBenchHTTP(tb testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: benchClients}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func benchClient(tb testing.TB, gateway *process.Standalone) *powebclient.Client {
	tb.Helper()
	client, err := powebclient.New(gateway.URL("poweb"), newBenchHTTP(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// write makes parcels of 1 KiB from an endpoint of one peer to one of the other,
// under one authorisation, as in a correspondence.
func (p *benchPeers) write(b *testing.B, n int) [][]byte {
	b.Helper()
	sender, err := p.from.NewEndpoint()
	if err != nil {
		b.Fatal(err)
	}
	recipient, err := p.to.NewEndpoint()
	if err != nil {
		b.Fatal(err)
	}
	authorization, err := recipient.Authorize(sender)
	if err != nil {
		b.Fatal(err)
	}
	return written(b, n, func(int) ([]byte, error) {
		return sender.WriteWith(powebclient.Parcel{
			To: recipient, CreatedAt: time.Now().Add(-time.Minute), TTL: time.Hour, Payload: make([]byte, 1024),
		}, authorization)
	})
}
