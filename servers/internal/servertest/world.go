// Package servertest gives tests of the servers a whole gateway without
// servers: the real handlers and projections on the embedded backing services
// of the standalone role, any of which can be made to fail.
package servertest

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/jetstreamtest"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/projections"
	"awala.network/gateway/projections/onjetstream"
)

// InternetAddress is the world's.
const InternetAddress = "gw.example.com"

// World is the gateway.
type World struct {
	Identity *identity.Identity
	Keys     *keystore.Keys
	Log      *Log
	Blobs    *Blobs
	Reader   *projections.Reader
	Accept   *handlers.AcceptParcel
	Collect  *handlers.CollectParcel
	Clock    *Clock

	tb testing.TB
	// Secrets are behind Keys.
	Secrets *Secrets
}

// New makes a world that ends with the test.
func New(tb testing.TB) *World {
	tb.Helper()
	w := &World{tb: tb, Secrets: &Secrets{Secrets: openSecrets(tb)}, Clock: &Clock{}}
	w.Log = &Log{Log: jetstreamtest.Open(tb)}
	w.Keys = keystore.New(w.Secrets)
	w.Blobs = &Blobs{Store: openBlobs(tb)}
	logger := slog.New(slog.DiscardHandler)
	var err error
	w.Identity, err = identity.Ensure(tb.Context(), identity.Deps{
		Keys: w.Keys, Log: w.Log, Logger: logger, Now: w.Clock.Now,
	}, InternetAddress)
	if err != nil {
		tb.Fatal(err)
	}
	var deliveries projections.DeliveryReader
	w.Reader, deliveries = openReaders(tb, w.Log.Log, w.Clock.Now)
	w.Accept = &handlers.AcceptParcel{
		Identity: w.Identity, Mailbox: w.Reader, Blobs: w.Blobs, Log: w.Log, Logger: logger, Now: w.Clock.Now,
		Deliveries: deliveries, Ended: &handlers.DeleteBlob{Mailbox: w.Reader, Blobs: w.Blobs},
	}
	w.Collect = &handlers.CollectParcel{Mailbox: w.Reader, Log: w.Log, Now: w.Clock.Now}
	return w
}

func openBlobs(tb testing.TB) blobs.Store {
	store, err := files.Open(tb.TempDir(), files.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return store
}

func openSecrets(tb testing.TB) keystore.Secrets {
	store, err := sealed.Open(filepath.Join(tb.TempDir(), "keys"), sealed.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return store
}

// openReaders opens the mailbox and the deliveries. No runner feeds their documents,
// which is as if the projections lagged without end: the mailbox's reader makes up for
// it.
func openReaders(tb testing.TB, log *jetstream.Log, now func() time.Time) (*projections.Reader, projections.DeliveryReader) {
	db, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "projections.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	mailbox, err := projections.Open(tb.Context(), db, projections.Mailbox{})
	if err != nil {
		tb.Fatal(err)
	}
	deliveries, err := projections.Open(tb.Context(), db, projections.Deliveries{})
	if err != nil {
		tb.Fatal(err)
	}
	return projections.NewReader(mailbox, onjetstream.Log{Log: log}, now), projections.NewDeliveryReader(deliveries, deliveries)
}

// Stored is what a world holds that input could have left behind.
type Stored struct {
	Parcels []string // blob keys
	Events  map[string]uint64
	Secrets int
}

// Stored looks at everything that is stored.
func (w *World) Stored() Stored {
	w.tb.Helper()
	s := Stored{Events: map[string]uint64{}}
	secrets, err := w.Secrets.List(context.Background(), "")
	if err != nil {
		w.tb.Fatal(err)
	}
	s.Secrets = len(secrets)
	for info, err := range w.Blobs.List(context.Background(), "") {
		if err != nil {
			w.tb.Fatal(err)
		}
		s.Parcels = append(s.Parcels, info.Key)
	}
	for _, stream := range events.Streams() {
		for _, subject := range stream.Subjects {
			last, err := w.Log.LastSequence(context.Background(), stream.Name, subject)
			if err != nil {
				w.tb.Fatal(err)
			}
			s.Events[stream.Name] = max(s.Events[stream.Name], last)
		}
	}
	return s
}
