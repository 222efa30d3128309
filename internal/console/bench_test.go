package console_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/console"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/jetstream"
)

const (
	million    = 1_000_000
	benchLoads = 40 // of each page
)

// BenchmarkMillion loads each page that reads the history, of a stream with a million
// events, and reports the time below which 95 of 100 answers come. Run it with
// -benchtime 1x.
func BenchmarkMillion(b *testing.B) {
	log := openMillion(b)
	w := newBenchWorld(b, history.Live{Log: log})
	gateway := fmt.Sprintf("0%063d", 7)
	pages := []struct{ name, path string }{
		{"newest", "/console/events?stream=PDC_PARCELS"},
		{"middle", "/console/events?stream=PDC_PARCELS&before=500000"},
		{"oldest", "/console/events?stream=PDC_PARCELS&after=1"},
		{"type", "/console/events?stream=PDC_PARCELS&type=gateway-parcel-collected"},
		{"gateway", "/console/events?stream=PDC_PARCELS&gateway=" + gateway},
		{"parcel-far-back", "/console/events?stream=PDC_PARCELS&parcel=parcel-17"},
		{"time", "/console/events?stream=PDC_PARCELS&" + url.Values{"since": {stampOf(400_000)}, "until": {stampOf(400_100)}}.Encode()},
		{"event", "/console/events/PDC_PARCELS/654321"},
		{"search", "/console/parcels?id=parcel-17"},
		{"search-near", "/console/parcels?" + url.Values{"id": {"parcel-700000"}, "near": {noon.Add(700_000 * time.Second).Format(time.RFC3339)}}.Encode()},
	}
	for _, p := range pages {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				took := make([]time.Duration, benchLoads)
				for i := range took {
					began := time.Now()
					if answer := w.do("GET", p.path, nil); answer.Code != 200 {
						b.Fatalf("%d %s", answer.Code, answer.Body)
					}
					took[i] = time.Since(began)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[benchLoads/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[benchLoads*95/100].Microseconds())/1000, "p95-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func stampOf(n int) string { return noon.Add(time.Duration(n) * time.Second).Format(time.DateTime) }

func newBenchWorld(b *testing.B, live history.Live) *world {
	b.Helper()
	return newWorld(b, func(o *console.Options, _ *access.Options) { o.History = live })
}

// openMillion returns a history of a million events: parcels to 500 private gateways,
// every second one an end. Its server syncs nothing, so that it takes less than a
// minute to write.
func openMillion(b *testing.B) *jetstream.Log {
	b.Helper()
	s, err := server.NewServer(&server.Options{JetStream: true, StoreDir: b.TempDir(), DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		b.Fatal(err)
	}
	go s.Start()
	b.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		b.Fatal("the server does not start")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	log, err := jetstream.Open(b.Context(), nc, jetstream.Options{Sync: func(context.Context) error { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(log.Close)
	if err := log.Provision(b.Context(), events.Streams()); err != nil {
		b.Fatal(err)
	}
	writeMillion(b, nc)
	return log
}

func writeMillion(b *testing.B, nc *nats.Conn) {
	b.Helper()
	js, err := natsjs.New(nc, natsjs.WithPublishAsyncMaxPending(4_000))
	if err != nil {
		b.Fatal(err)
	}
	var accepted events.Event
	for i := range million {
		at := noon.Add(time.Duration(i) * time.Second)
		e := events.New(fmt.Sprint("event-", i), "pohttp", at, events.GatewayParcelAccepted{
			ParcelKey:        events.ParcelKey{SenderID: "0sender", RecipientID: "0recipient", ParcelID: fmt.Sprint("parcel-", i)},
			ParcelBlob:       events.ParcelBlob{BlobKey: "parcels/blob", SHA256: "digest", Size: 4000, CreatedAt: at, ExpiresAt: at.Add(time.Hour)},
			PrivateGatewayID: fmt.Sprintf("0%063d", i%500), Via: events.ViaPoHTTP,
		})
		if data, ok := accepted.Data.(events.GatewayParcelAccepted); ok && i%2 == 1 {
			e = events.Caused(accepted, "poweb", at, events.GatewayParcelCollected{GatewayParcelEnd: events.GatewayParcelEnd{
				ParcelKey: data.ParcelKey, PrivateGatewayID: data.PrivateGatewayID, AcceptedID: accepted.ID, BlobKey: data.BlobKey,
			}, Via: events.ViaPoWeb})
		}
		accepted = e
		subject, header, body, err := events.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		delete(header, natsjs.MsgIDHeader) // there is nothing to recognise
		if _, err := js.PublishMsgAsync(&nats.Msg{Subject: subject, Header: header, Data: body}, natsjs.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(5 * time.Minute):
		b.Fatal("the events are not stored")
	}
}
