package interop

import (
	"slices"
	"testing"
	"time"

	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/interop/process"
)

const (
	bigCargo = 500
	// bigCargoWithin is how long couriers wait between delivering and collecting.
	bigCargoWithin = 10 * time.Second
)

// BenchmarkCargo measures the time from the delivery of a cargo with 500 parcels of
// 1 KiB until a connected recipient has collected and acknowledged all of them by
// PoWeb. One count is one cargo (-benchtime=5x).
func BenchmarkCargo(b *testing.B) {
	gateway := process.StartStandalone(b, b.TempDir())
	sender, recipient := newOffline(b, gateway), newOffline(b, gateway)
	courier, route := newCourier(b, gateway), newCorrespondence(b, sender, recipient)
	collection, err := recipient.online.Collect(b.Context(), powebclient.KeepAlive)
	if err != nil {
		b.Fatal(err)
	}
	defer collection.Close()
	var acknowledged, first, last []time.Duration
	for range b.N {
		parcels := make([][]byte, bigCargo)
		for i := range parcels {
			if parcels[i], err = route.write(1024); err != nil {
				b.Fatal(err)
			}
		}
		began := time.Now()
		if err := deliverCargo(b.Context(), courier, sender, parcels...); err != nil {
			b.Fatal(err)
		}
		acknowledged = append(acknowledged, time.Since(began))
		for n := range bigCargo {
			acknowledgeNext(b, collection)
			if n == 0 {
				first = append(first, time.Since(began))
			}
		}
		last = append(last, time.Since(began))
	}
	for name, times := range map[string][]time.Duration{"acknowledged": acknowledged, "first-parcel": first, "all-collected": last} {
		b.ReportMetric(float64(slices.Max(times).Milliseconds()), name+"-max-ms")
	}
	b.ReportMetric(0, "ns/op") // includes the writing of parcels
	if worst := slices.Max(last); worst > bigCargoWithin {
		b.Errorf("a cargo of %d parcels took %v", bigCargo, worst)
	}
}

func acknowledgeNext(b *testing.B, collection *powebclient.Collection) {
	b.Helper()
	delivery, err := collection.Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := delivery.Acknowledge(b.Context()); err != nil {
		b.Fatal(err)
	}
}
