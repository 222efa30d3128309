package interop

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
)

// readHistory returns what a gateway recorded in the streams. The gateway must
// have ended, in whatever way.
func readHistory(t testing.TB, dir string, streams ...string) []events.Record {
	t.Helper()
	server, err := embedded.Start(filepath.Join(dir, "data", "history"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := server.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	secrets, err := sealed.Open(filepath.Join(dir, "data", "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer secrets.Close()
	log, err := jetstream.Open(ctx, conn, jetstream.Options{Sync: server.SyncAlways, Names: names.New(keystore.New(secrets))})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var records []events.Record
	for _, stream := range streams {
		records = append(records, readStream(ctx, t, log, stream)...)
	}
	return records
}

func readStream(ctx context.Context, t testing.TB, log *jetstream.Log, stream string) []events.Record {
	t.Helper()
	reader := log.Reader(stream, 1)
	defer reader.Close(ctx)
	var records []events.Record
	for {
		batch, err := reader.Read(ctx, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if records = append(records, batch.Records...); batch.CaughtUp {
			return records
		}
	}
}

// recorded returns what a running gateway has recorded in a stream by now. It asks again
// for a while if there is no answer: a cluster may be electing a leader.
func recorded(t testing.TB, gateway site, stream string) (records []events.Record) {
	t.Helper()
	client, err := history.NewClient(gateway.URL("admin"), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(15 * time.Second); ; sleepFor(t.Context(), time.Second) {
		records, err = readAll(t.Context(), client, stream)
		if err == nil {
			return records
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func readAll(ctx context.Context, client *history.Client, stream string) (records []events.Record, err error) {
	for m, err := range client.Messages(ctx, history.Query{Filter: history.Filter{Streams: []string{stream}}}) {
		if err != nil {
			return nil, err
		}
		records = append(records, m.Record())
	}
	return records, nil
}
