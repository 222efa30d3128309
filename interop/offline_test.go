package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/internal/courierclient"
	"awala.network/gateway/internal/powebclient"
)

// offline is a private gateway that can use couriers and PoWeb, with one endpoint.
type offline struct {
	*courierclient.PrivateGateway
	online   *powebclient.PrivateGateway
	endpoint *powebclient.Endpoint
}

func newOffline(t testing.TB, gateway site) offline {
	t.Helper()
	online, err := clientOf(t, gateway).NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	private, err := courierclient.NewPrivateGateway(online.Key, online.Registration, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := online.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	return offline{private, online, endpoint}
}

func newCourier(t testing.TB, gateway site) *courierclient.Courier {
	t.Helper()
	courier, err := courierclient.New(gateway.Address("cogrpc"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = courier.Close() })
	return courier
}

// correspondence writes parcels from one endpoint to another under one
// authorisation, which saves making one for each.
type correspondence struct {
	from, to      *powebclient.Endpoint
	authorization *pki.Certificate
}

func newCorrespondence(t testing.TB, from, to offline) correspondence {
	t.Helper()
	authorization, err := to.endpoint.Authorize(from.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return correspondence{from.endpoint, to.endpoint, authorization}
}

// write makes a parcel that is valid for an hour.
func (c correspondence) write(size int) ([]byte, error) {
	return c.from.WriteWith(powebclient.Parcel{
		To: c.to, TTL: time.Hour, CreatedAt: time.Now().Add(-time.Minute), Payload: make([]byte, size),
	}, c.authorization)
}

// deliverCargo sends items in one cargo, and returns when it is acknowledged.
func deliverCargo(ctx context.Context, courier *courierclient.Courier, from offline, items ...[]byte) error {
	cargo, err := from.SerializeCargo(ctx, items...)
	if err != nil {
		return fmt.Errorf("write the cargo: %w", err)
	}
	_, err = courier.Deliver(ctx, cargo)
	return err
}
