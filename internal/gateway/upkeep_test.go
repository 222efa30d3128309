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

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/courierclient"
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

// TestDocumentsAreLostUnderTraffic drops every collection of a gateway through which
// parcels go, by PoWeb and by couriers, and rebuilds every projection, twice. Nobody
// notices, each parcel is collected, and the documents are those of the history.
func TestDocumentsAreLostUnderTraffic(t *testing.T) {
	c := settings(t.TempDir())
	g := start(t, c)
	defer stop(t, g)
	client := newUpkeep(t, g)
	const parcels, byCourier = 60, 20
	traffic := startTraffic(t, g, parcels)
	traffic.byCourier(t, g, byCourier)
	for range 2 {
		loseDocuments(t, c)
		rebuildAll(t, client)
	}
	traffic.wait(t)
	within(t, 10*time.Second, func() bool { return ended(t, client) == parcels+byCourier }) // the last cargo is unwrapped
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
		if sum != parcels+byCourier {
			t.Errorf("%d of %s, want %d", sum, kind, parcels+byCourier)
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
	tr := &traffic{errors: make(chan error, 4)}
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

// ended counts the parcels that the totals say were collected.
func ended(t *testing.T, client *upkeep.Client) (n uint64) {
	t.Helper()
	days, err := client.Totals(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		n += d.Events["gateway-parcel-collected"].Count
	}
	return n
}

// byCourier adds a private gateway that sends by courier, and another one that collects
// and acknowledges by courier until it has everything.
func (tr *traffic) byCourier(t *testing.T, g *gateway.Gateway, parcels int) {
	t.Helper()
	client, courier := newClient(t, g), newCourier(t, g)
	sender, recipient := newOffline(t, client), newOffline(t, client)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(cancel)
	tr.done.Go(func() {
		for i := range parcels {
			parcel, err := sender.Write(powebclient.Parcel{To: recipient.Endpoint, Payload: []byte("by courier")})
			if err == nil {
				err = send(ctx, courier, sender, parcel)
			}
			if err != nil {
				tr.errors <- fmt.Errorf("send parcel %d by courier: %w", i, err)
				return
			}
		}
	})
	tr.done.Go(func() {
		acknowledged := map[string]bool{}
		for len(acknowledged) < parcels && ctx.Err() == nil {
			var acks [][]byte
			for _, parcel := range fetch(ctx, courier, recipient) { // what fails is tried again
				ack, err := courierclient.Acknowledgement(parcel)
				if err != nil {
					tr.errors <- err
					return
				}
				acks = append(acks, ack)
			}
			if len(acks) > 0 && send(ctx, courier, recipient, acks...) == nil {
				for _, ack := range acks {
					acknowledged[string(ack)] = true
				}
			}
		}
		if ctx.Err() != nil {
			tr.errors <- fmt.Errorf("collected %d parcels by courier: %w", len(acknowledged), ctx.Err())
		}
	})
}

// send hands a cargo to the gateway, again and again if need be, as couriers do.
func send(ctx context.Context, courier *courierclient.Courier, from offline, items ...[]byte) error {
	cargo, err := from.SerializeCargo(ctx, items...)
	for again := true; again && err == nil; err = ctx.Err() {
		_, failed := courier.Deliver(ctx, cargo)
		again = failed != nil
	}
	return err
}

// fetch returns the parcels that a courier gets for a private gateway.
func fetch(ctx context.Context, courier *courierclient.Courier, to offline) (parcels [][]byte) {
	cca, err := to.SerializeCCA(ctx)
	if err != nil {
		return nil
	}
	_ = courier.Collect(ctx, cca, func(raw []byte) error {
		items, err := to.OpenCargo(ctx, raw)
		for _, item := range items {
			if cargo.ItemKind(item) == cargo.KindParcel {
				parcels = append(parcels, item)
			}
		}
		return err
	})
	return parcels
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
