package projections_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/mongo"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/projections"
)

// start is when the events of the tests happen.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// later is when their parcels are read: between the expiry dates in use.
var later = start.Add(24 * time.Hour)

// history is a stream in memory.
type history struct {
	mu      sync.Mutex
	records []events.Record
}

func (h *history) append(e events.Event) events.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := events.Record{
		Event: e, Stream: events.StreamGatewayParcels, Sequence: uint64(len(h.records) + 1), Subject: e.Data.Channel(),
	}
	h.records = append(h.records, r)
	return r
}

func (h *history) Next(_ context.Context, _, subject string, from uint64) (events.Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.records {
		if r.Subject == subject && r.Sequence >= from {
			return r, nil
		}
	}
	return events.Record{}, io.EOF
}

func (h *history) LastSequence(_ context.Context, _, subject string) (uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := uint64(0)
	for _, r := range h.records {
		if r.Subject == subject {
			last = r.Sequence
		}
	}
	return last, nil
}

func (h *history) Watch(context.Context, ...string) (projections.Watch, error) {
	return nil, fmt.Errorf("nobody watches %T", h)
}

func gateway(n int) string { return fmt.Sprintf("0%064d", n) }

func key(n int) events.ParcelKey {
	return events.ParcelKey{SenderID: "0a", RecipientID: "0b", ParcelID: fmt.Sprint(n)}
}

// accepted returns the event of a version, which the three numbers identify.
func accepted(gatewayN, keyN, version int, expires time.Time) events.Event {
	k := key(keyN)
	data := events.GatewayParcelAccepted{
		ParcelKey: k, PrivateGatewayID: gateway(gatewayN), Via: events.ViaPoHTTP,
		ParcelBlob: events.ParcelBlob{
			BlobKey: fmt.Sprintf("%d/%d/%d", gatewayN, keyN, version), SHA256: fmt.Sprint(version), ExpiresAt: expires,
			CreatedAt: start.Add(time.Duration(version/2) * time.Minute),
		},
	}
	return events.New(events.DeriveID(data.PrivateGatewayID, k.Hash(), data.SHA256), "test", start, data)
}

// ending returns the i-th kind of event that ends a version.
func ending(i int, e events.Event) events.Event {
	a := e.Data.(events.GatewayParcelAccepted)
	end := events.GatewayParcelEnd{
		ParcelKey: a.ParcelKey, PrivateGatewayID: a.PrivateGatewayID, AcceptedID: e.ID, BlobKey: a.BlobKey,
	}
	data := []events.Data{
		events.GatewayParcelCollected{GatewayParcelEnd: end, Via: events.ViaPoWeb},
		events.GatewayParcelExpired{GatewayParcelEnd: end},
		events.GatewayParcelReplaced{GatewayParcelEnd: end},
		events.GatewayParcelDropped{GatewayParcelEnd: end},
	}[i]
	return events.Caused(e, "test", start, data)
}

// drawEvent draws an event about one of few parcels, so that versions meet.
func drawEvent(t *rapid.T) events.Event {
	keyN := rapid.IntRange(0, 4).Draw(t, "key")
	version := rapid.IntRange(0, 3).Draw(t, "version")
	expires := later.Add(time.Hour)
	if (keyN+version)%4 == 0 {
		expires = later.Add(-time.Hour)
	}
	e := accepted(rapid.IntRange(0, 1).Draw(t, "gateway"), keyN, version, expires)
	if rapid.Bool().Draw(t, "accepted") {
		return e
	}
	return ending(rapid.IntRange(0, 3).Draw(t, "end"), e)
}

var collections int

// collection opens an empty collection of the projection's kind.
func collection[S any](t rapid.TB, db documents.Database, p projections.Projection[S]) documents.Collection {
	collections++
	c, err := db.Collection(context.Background(), fmt.Sprintf("test_%d", collections), p.Spec().Indexes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serverEnv names the MongoDB server that database uses, if there is one: as
// `task test:services` does for what rebuilds, switches and loses projections.
const serverEnv = "AWALA_TEST_MONGODB_URI"

// database opens an empty database.
func database(t testing.TB) documents.Database {
	if uri := os.Getenv(serverEnv); uri != "" {
		return onServer(t, uri)
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "projections.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	return db
}

// onServer opens a database of a MongoDB server, and empties it when the test ends.
func onServer(t testing.TB, uri string) documents.Database {
	t.Helper()
	databases++
	db, err := mongo.Open(t.Context(), mongo.Options{URI: uri, Database: fmt.Sprintf("projections_%d_%d", os.Getpid(), databases)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		names, err := db.Names(ctx)
		for _, name := range names {
			err = errors.Join(err, db.Drop(ctx, name))
		}
		if err = errors.Join(err, db.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	return db
}

var databases int

var quiet = slog.New(slog.DiscardHandler)
