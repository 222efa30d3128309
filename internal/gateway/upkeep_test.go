package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

func newUpkeep(t testing.TB, g *gateway.Gateway) *upkeep.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := upkeep.NewClient("http://"+g.Info().Servers["admin"], &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestDocumentsAreLostUnderTraffic drops every collection of a gateway that is
// sending and collecting parcels, and rebuilds every projection, twice. Nobody
// notices, each parcel is collected, and the documents are those of the history.
func TestDocumentsAreLostUnderTraffic(t *testing.T) {
	c := settings(t.TempDir())
	g := start(t, c)
	defer stop(t, g)
	client := newUpkeep(t, g)
	const parcels = 60
	traffic := startTraffic(t, g, parcels)
	for range 2 {
		loseDocuments(t, c)
		rebuildAll(t, client)
	}
	traffic.wait(t)
	rebuildAll(t, client)
	verifyAll(t, client)
	days, err := client.Totals(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"gateway-parcel-accepted", "gateway-parcel-collected"} {
		var sum uint64
		for _, d := range days {
			sum += d.Events[kind].Count
		}
		if sum != parcels {
			t.Errorf("%d of %s, want %d", sum, kind, parcels)
		}
	}
}

// traffic is a private gateway that sends to itself and collects meanwhile.
type traffic struct {
	done   sync.WaitGroup
	errors chan error
}

func startTraffic(t *testing.T, g *gateway.Gateway, parcels int) *traffic {
	t.Helper()
	peer, err := newClient(t, g).NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sender, recipient := newEndpoint(t, peer), newEndpoint(t, peer)
	collection, err := peer.Collect(t.Context(), powebclient.KeepAlive)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	tr := &traffic{errors: make(chan error, 2)}
	tr.done.Go(func() {
		for range parcels {
			parcel, err := sender.Write(powebclient.Parcel{To: recipient, Payload: []byte("traffic")})
			for again := true; again && err == nil; { // as clients do, whatever the reason
				again = peer.Deliver(ctx, parcel) != nil
				err = ctx.Err()
			}
			if err != nil {
				tr.errors <- fmt.Errorf("deliver: %w", err)
				return
			}
		}
	})
	tr.done.Go(func() {
		defer collection.Close()
		for i := range parcels {
			delivery, err := collection.Next(ctx)
			if err == nil {
				err = delivery.Acknowledge(ctx)
			}
			if err != nil {
				tr.errors <- fmt.Errorf("collect parcel %d: %w", i, err)
				return
			}
		}
	})
	return tr
}

func (tr *traffic) wait(t *testing.T) {
	t.Helper()
	tr.done.Wait()
	close(tr.errors)
	for err := range tr.errors {
		t.Error(err)
	}
}

// loseDocuments drops every collection behind the gateway's back.
func loseDocuments(t *testing.T, c *config.Config) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(string(c.Standalone.DataDir), "documents", "projections.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := db.Names(t.Context())
	for _, name := range names {
		err = errors.Join(err, db.Drop(t.Context(), name))
	}
	if err = errors.Join(err, db.Close(context.Background())); err != nil {
		t.Fatal(err)
	}
}

func rebuildAll(t *testing.T, client *upkeep.Client) {
	t.Helper()
	all, err := client.Projections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		var done *projections.Rebuilt
		err := client.Rebuild(t.Context(), s.Name, projections.RebuildOptions{}, func(l upkeep.Line) error {
			done = l.Rebuilt
			return nil
		})
		if err != nil || done == nil {
			t.Errorf("rebuild %s: %v", s.Name, err)
			continue
		}
		t.Logf("%s: version %d, %d documents at %d", s.Name, done.Live.Number, done.Documents, done.Checkpoint)
	}
}

func verifyAll(t *testing.T, client *upkeep.Client) {
	t.Helper()
	all, err := client.Projections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		var done *projections.Verified
		err := client.Verify(t.Context(), s.Name, func(l upkeep.Line) error {
			if l.Difference != nil {
				t.Errorf("%+v", l.Difference)
			}
			done = l.Verified
			return nil
		})
		if err != nil || done == nil {
			t.Errorf("verify %s: %v", s.Name, err)
		}
	}
}
