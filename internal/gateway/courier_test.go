package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"awala.network/gateway/awala/cargo"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/powebclient"
)

// offline is a private gateway that can use couriers and PoWeb.
type offline struct {
	*courierclient.PrivateGateway
	online *powebclient.PrivateGateway
	*powebclient.Endpoint
}

func (o offline) ID() string { return o.PrivateGateway.ID() }

func newOffline(t testing.TB, client *powebclient.Client) offline {
	t.Helper()
	online, err := client.NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	private, err := courierclient.NewPrivateGateway(online.Key, online.Registration, nil)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := online.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	return offline{private, online, endpoint}
}

func newCourier(t testing.TB, g *gateway.Gateway) *courierclient.Courier {
	t.Helper()
	courier, err := courierclient.New(g.Info().Servers["cogrpc"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = courier.Close() })
	return courier
}

// collect returns the items in the cargo that a courier collects, by kind.
func (o offline) collect(t testing.TB, courier *courierclient.Courier) map[cargo.Kind][][]byte {
	t.Helper()
	cca, err := o.SerializeCCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	items := map[cargo.Kind][][]byte{}
	err = courier.Collect(t.Context(), cca, func(raw []byte) error {
		if err := courierclient.Acceptable(raw, time.Now()); err != nil {
			return err
		}
		set, err := o.OpenCargo(t.Context(), raw)
		for _, item := range set {
			items[cargo.ItemKind(item)] = append(items[cargo.ItemKind(item)], item)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// TestCouriers sends parcels by cargo in both directions, and shows that what was
// acknowledged by cargo does not come again.
func TestCouriers(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	client, courier := newClient(t, g), newCourier(t, g)
	a, b := newOffline(t, client), newOffline(t, client)
	parcel, err := a.Write(powebclient.Parcel{To: b.Endpoint, Payload: []byte("by courier")})
	if err != nil {
		t.Fatal(err)
	}
	deliverCargo(t, courier, a, parcel)
	var got [][]byte
	within(t, 10*time.Second, func() bool {
		got = b.collect(t, courier)[cargo.KindParcel]
		return len(got) > 0
	})
	if len(got) != 1 || !bytes.Equal(got[0], parcel) {
		t.Fatalf("collected %d parcels", len(got))
	}
	if acks := a.collect(t, courier)[cargo.KindParcelCollectionAck]; len(acks) != 1 {
		t.Errorf("%d acknowledgements for the sender", len(acks))
	}
	ack, err := courierclient.Acknowledgement(parcel)
	if err != nil {
		t.Fatal(err)
	}
	deliverCargo(t, courier, b, ack)
	within(t, 10*time.Second, func() bool { return len(b.collect(t, courier)[cargo.KindParcel]) == 0 })
}

func deliverCargo(t testing.TB, courier *courierclient.Courier, from offline, items ...[]byte) {
	t.Helper()
	cargo, err := from.SerializeCargo(t.Context(), items...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := courier.Deliver(t.Context(), cargo); err != nil {
		t.Fatal(err)
	}
}

// within asks until the answer is yes: the worker that it waits for works by
// itself.
func within(t testing.TB, d time.Duration, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(d); !done(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v", d)
		}
	}
}

// TestFiveHundredParcels shows that a cargo of 500 small parcels is unwrapped, and
// its parcels are collected by PoWeb, within the time that a courier waits between
// delivering and collecting.
func TestFiveHundredParcels(t *testing.T) {
	const count, limit = 500, 10 * time.Second
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	client, courier := newClient(t, g), newCourier(t, g)
	a, b := newOffline(t, client), newOffline(t, client)
	authorization, err := b.Authorize(a.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	items := make([][]byte, count)
	for i := range items {
		items[i], err = a.WriteWith(powebclient.Parcel{To: b.Endpoint, ID: fmt.Sprint("parcel ", i), Payload: make([]byte, 1024)}, authorization)
		if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	deliverCargo(t, courier, a, items...)
	delivered := time.Since(began)
	ctx, cancel := context.WithTimeout(t.Context(), 3*limit)
	defer cancel()
	collection, err := b.online.Collect(ctx, powebclient.KeepAlive)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	var first time.Duration
	for n := range count {
		delivery, err := collection.Next(ctx)
		if err != nil {
			t.Fatalf("after %d parcels: %v", n, err)
		}
		if n == 0 {
			first = time.Since(began)
		}
		if err := delivery.Acknowledge(ctx); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	t.Logf("500 parcels in one cargo: acknowledged after %v, first parcel after %v, last collected after %v", delivered, first, took)
	if took > limit {
		t.Errorf("took %v", took)
	}
}

// TestCollectionDeadline collects 200 parcels within the three seconds that the
// JavaScript client gives the whole call.
func TestCollectionDeadline(t *testing.T) {
	const count, deadline = 200, 3 * time.Second
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	client, courier := newClient(t, g), newCourier(t, g)
	a, b := newOffline(t, client), newOffline(t, client)
	for range count {
		parcel, err := a.Write(powebclient.Parcel{To: b.Endpoint, Payload: make([]byte, 1024)})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.online.Deliver(t.Context(), parcel); err != nil {
			t.Fatal(err)
		}
	}
	cca, err := b.SerializeCCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	began, parcels, cargoes := time.Now(), 0, 0
	var first time.Duration
	err = courier.Collect(ctx, cca, func(raw []byte) error {
		if cargoes++; cargoes == 1 {
			first = time.Since(began)
		}
		items, err := b.OpenCargo(ctx, raw)
		parcels += len(items)
		return err
	})
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	t.Logf("%d parcels in %d cargoes: the first after %v, all after %v", parcels, cargoes, first, time.Since(began))
	if parcels != count {
		t.Errorf("%d parcels", parcels)
	}
}
