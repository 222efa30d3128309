package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
	"awala.network/gateway/internal/overview"
)

const (
	benchPeers        = 500
	benchDestinations = 200
	benchLoads        = 40 // of each page
)

// benchPast is a month of events, four fifths of them of parcels to private gateways,
// the rest of parcels to the Internet.
type benchPast struct {
	n     int
	names *names.Book
	began time.Time
	step  time.Duration
}

func newBenchPast(b *testing.B, book *names.Book) benchPast {
	b.Helper()
	p := benchPast{n: 20_000, names: book, began: time.Now().Add(-30 * 24 * time.Hour)}
	if n, err := strconv.Atoi(os.Getenv("AWALA_BENCH_EVENTS")); err == nil {
		p.n = n
	}
	p.step = 30 * 24 * time.Hour / time.Duration(p.n)
	return p
}

func benchPeer(i int) string { return fmt.Sprintf("0%063x", i%benchPeers) }

func benchKey(i int) events.ParcelKey {
	return events.ParcelKey{SenderID: "0sender", RecipientID: "0recipient", ParcelID: fmt.Sprint("parcel-", i)}
}

func (p benchPast) at(i int) time.Time { return p.began.Add(time.Duration(i) * p.step) }

func (p benchPast) blob(i int) events.ParcelBlob {
	return events.ParcelBlob{
		BlobKey: fmt.Sprint("parcels/bench/", i), SHA256: strings.Repeat("0", 64), Size: 4000,
		CreatedAt: p.at(i), ExpiresAt: time.Now().Add(30 * 24 * time.Hour),
	}
}

// toPeer is an event of a parcel to a private gateway: every second one ends the one
// before, but for one in twenty parcels, which waits.
func (p benchPast) toPeer(i int) events.Event {
	first := i - i%2
	accepted := events.New(fmt.Sprint("in-", first), "pohttp", p.at(first), events.GatewayParcelAccepted{
		ParcelKey: benchKey(first), ParcelBlob: p.blob(first), PrivateGatewayID: benchPeer(first / 2), Via: events.ViaPoHTTP,
	})
	switch {
	case i == first:
		return accepted
	case i%40 == 1:
		return events.New(fmt.Sprint("in-", i), "pohttp", p.at(i), events.GatewayParcelAccepted{
			ParcelKey: benchKey(i), ParcelBlob: p.blob(i), PrivateGatewayID: benchPeer(i / 2), Via: events.ViaPoHTTP,
		})
	}
	return events.Caused(accepted, "poweb", p.at(i), events.GatewayParcelCollected{GatewayParcelEnd: events.GatewayParcelEnd{
		ParcelKey: benchKey(first), PrivateGatewayID: benchPeer(first / 2), AcceptedID: accepted.ID, BlobKey: p.blob(first).BlobKey,
	}, Via: events.ViaPoWeb})
}

// outward is an event of a parcel to the Internet: delivered, but for one in twenty,
// which is deferred until tomorrow.
func (p benchPast) outward(i int) events.Event {
	first, destination := i-i%2, fmt.Sprintf("node-%d.example", i/2%benchDestinations)
	key := events.ParcelKey{SenderID: "0sender", RecipientID: "0recipient", ParcelID: fmt.Sprint("out-", first)}
	accepted := events.New(fmt.Sprint("out-", first), "poweb", p.at(first), events.InternetParcelAccepted{
		ParcelKey: key, ParcelBlob: p.blob(first), Destination: destination, SourceGatewayID: benchPeer(first / 2), Via: events.ViaPoWeb,
	})
	if i == first {
		return accepted
	}
	ref := events.InternetParcelRef{ParcelKey: key, AcceptedID: accepted.ID, BlobKey: p.blob(first).BlobKey, Destination: destination, SourceGatewayID: benchPeer(first / 2)}
	attempt := events.DeliveryAttempt{Number: 1, StartedAt: p.at(i), DurationMillis: 120, Status: 202}
	if i%40 == 1 {
		attempt.Cause, attempt.Status = "connection refused", 0
		return events.Caused(accepted, "delivery", p.at(i), events.InternetParcelDeferred{InternetParcelRef: ref, Attempt: attempt, NextAttemptAt: time.Now().Add(24 * time.Hour)})
	}
	return events.Caused(accepted, "delivery", p.at(i), events.InternetParcelDelivered{InternetParcelRef: ref, Attempt: attempt})
}

func (p benchPast) registered(i int) events.Event {
	return events.New(fmt.Sprint("peer-", i), "poweb", p.at(i), events.PrivateGatewayRegistered{
		PrivateGatewayID: benchPeer(i), SessionKeyID: "00", CertificateSHA256: strings.Repeat("0", 64), CertificateExpiresAt: time.Now().Add(90 * 24 * time.Hour),
	})
}

// messages are n events of a stream, sealed as a gateway seals them.
func (p benchPast) messages(ctx context.Context, stream string, n int, event func(int) events.Event) iter.Seq2[events.Message, error] {
	return func(yield func(events.Message, error) bool) {
		for i := range n {
			e := event(i)
			var err error
			if e.Data, err = events.Seal(ctx, p.names, e.Data); err != nil {
				yield(events.Message{}, err)
				return
			}
			subject, header, body, err := events.Encode(e)
			if !yield(events.Message{Stream: stream, Sequence: uint64(i + 1), Subject: subject, Header: header, Body: body}, err) {
				return
			}
		}
	}
}

// record writes the past to a data folder.
func (p benchPast) record(b *testing.B, o gateway.Options) {
	b.Helper()
	log, closeLog, err := gateway.OpenHistory(b.Context(), o, false)
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct {
		stream string
		n      int
		event  func(int) events.Event
	}{
		{events.StreamGateway, benchPeers, p.registered},
		{events.StreamGatewayParcels, p.n * 4 / 5, p.toPeer},
		{events.StreamInternetParcels, p.n / 5, p.outward},
	} {
		if _, err := log.Restore(b.Context(), s.stream, p.messages(b.Context(), s.stream, s.n, s.event)); err != nil {
			b.Fatal(err)
		}
	}
	if err := closeLog(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkConsole loads the console's pages of a whole gateway with a month of events
// behind it, and reports the time within which 95 of 100 answers come; and how long it
// takes to find the oldest parcel by its id alone, and in how many steps. Run it with
// -benchtime 1x; AWALA_BENCH_EVENTS says how many events.
func BenchmarkConsole(b *testing.B) {
	dir := b.TempDir()
	secrets, err := sealed.Open(filepath.Join(dir, "keys"), sealed.Options{})
	if err != nil {
		b.Fatal(err)
	}
	past := newBenchPast(b, names.New(keystore.New(secrets)))
	o := gateway.Options{Kind: gateway.Standalone(), Config: settings(dir), Logger: slog.New(slog.DiscardHandler), Level: new(slog.LevelVar)}
	past.record(b, o)
	if err := secrets.Close(); err != nil {
		b.Fatal(err)
	}
	g, err := gateway.Start(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = g.Stop(context.Background()) }()
	c := benchConsole{b, "http://" + g.Info().Servers["admin"]}
	c.settle()
	stamp := func(i int) string { return past.at(i).UTC().Format(time.DateTime) }
	middle := past.n * 2 / 5
	for name, path := range map[string]string{
		"overview":     "/console/",
		"gateways":     "/console/gateways",
		"gateway":      "/console/gateways/" + benchPeer(7),
		"destinations": "/console/destinations",
		"destination":  "/console/destinations/node-7.example",
		"parked":       "/console/parked",
		"projections":  "/console/projections",
		"projection":   "/console/projections/mailbox",
		"newest":       "/console/events?stream=PDC_PARCELS",
		"middle":       fmt.Sprint("/console/events?stream=PDC_PARCELS&before=", middle),
		"oldest":       "/console/events?stream=PDC_PARCELS&after=1",
		"type":         "/console/events?stream=PDC_PARCELS&type=gateway-parcel-collected",
		"by-gateway":   "/console/events?stream=PDC_PARCELS&gateway=" + benchPeer(7),
		"by-parcel":    "/console/events?stream=PDC_PARCELS&parcel=parcel-16",
		"time":         "/console/events?stream=PDC_PARCELS&" + url.Values{"since": {stamp(middle)}, "until": {stamp(middle + 100)}}.Encode(),
		"event":        fmt.Sprint("/console/events/PDC_PARCELS/", middle),
		"search-near":  "/console/parcels?" + url.Values{"id": {fmt.Sprint("parcel-", middle/2*2)}, "near": {past.at(middle).UTC().Format(time.RFC3339)}}.Encode(),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.measure(b, path)
			}
		})
	}
	b.Run("search-oldest", func(b *testing.B) {
		for b.Loop() {
			c.search(b, "parcel-0")
		}
	})
}

type benchConsole struct {
	b    *testing.B
	base string
}

func (c benchConsole) get(b *testing.B, path string) string {
	b.Helper()
	answer, err := http.Get(c.base + path)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %v %s", path, answer.Status, err, body)
	}
	return string(body)
}

// settle waits until workers and projections have handled every event.
func (c benchConsole) settle() {
	for end := time.Now().Add(15 * time.Minute); ; time.Sleep(time.Second) {
		var o overview.Overview
		if err := json.Unmarshal([]byte(c.get(c.b, "/status")), &o); err != nil {
			c.b.Fatal(err)
		}
		behind := uint64(0)
		for _, w := range o.Consumers {
			behind += uint64(w.Lag)
		}
		for _, p := range o.Projections {
			behind += p.Lag
		}
		if behind == 0 {
			return
		}
		if time.Now().After(end) {
			c.b.Fatalf("still behind by %d events", behind)
		}
	}
}

func (c benchConsole) measure(b *testing.B, path string) {
	took := make([]time.Duration, benchLoads)
	for i := range took {
		began := time.Now()
		c.get(b, path)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[benchLoads/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[benchLoads*95/100].Microseconds())/1000, "p95-ms")
	b.ReportMetric(0, "ns/op")
}

var furtherLink = regexp.MustCompile(`id="further" href="([^"]+)"`)

// search goes on as the page's script does until a parcel is found.
func (c benchConsole) search(b *testing.B, parcel string) {
	began, steps, path := time.Now(), 0, "/console/parcels?id="+parcel
	for {
		steps++
		body := c.get(b, path)
		if strings.Contains(body, "<b>gateway-parcel-accepted</b>") {
			break
		}
		link := furtherLink.FindStringSubmatch(body)
		if link == nil {
			b.Fatal("it is not found")
		}
		path = html.UnescapeString(link[1])
	}
	b.ReportMetric(time.Since(began).Seconds(), "s")
	b.ReportMetric(float64(steps), "steps")
	b.ReportMetric(0, "ns/op")
}
