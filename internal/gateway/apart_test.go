package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/servicestest"
)

// emptyServices names services that hold nothing, but for a bucket that Init makes.
func emptyServices(t *testing.T, account string) *config.Config {
	t.Helper()
	c := remoteSettings(t)
	c.NATS = servicestest.NATS(t, account)
	c.Gateway.InternetAddress = "gw.restore.test"
	c.ObjectStore.Bucket = config.Text(fmt.Sprintf("restore-%s-%d", account, time.Now().UnixNano()))
	store := servicestest.Bucket(t, c.ObjectStore)
	if err := store.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// apart is one process of each role.
type apart struct{ projections, housekeeping, cargo, delivery, poweb, pohttp, cogrpc *gateway.Gateway }

// others are all but housekeeping.
func (a apart) others() []*gateway.Gateway {
	return []*gateway.Gateway{a.projections, a.cargo, a.delivery, a.poweb, a.pohttp, a.cogrpc}
}

// startRoles starts them, with the PoWeb server where clients look for it, after Init
// as a NATS user of its own.
func startRoles(t *testing.T, c *config.Config, makers config.NATS, poweb string) (a apart) {
	t.Helper()
	making := *c
	making.NATS = makers
	initialise(t, remoteOptions(t, gateway.Services(true), &making))
	begin := func(kind gateway.Kind) *gateway.Gateway {
		own := *c
		if kind.Name == "poweb" {
			own.PoWeb.Listen = config.Listen(poweb)
		}
		g, err := gateway.Start(t.Context(), remoteOptions(t, kind, &own))
		if err != nil {
			t.Fatalf("%s: %v", kind.Name, err)
		}
		return g
	}
	return apart{
		begin(gateway.ProjectionsWorker()), begin(gateway.HousekeepingWorker()), begin(gateway.CargoWorker()),
		begin(gateway.DeliveryWorker()), begin(gateway.PoWeb()), begin(gateway.PoHTTP()), begin(gateway.CogRPC()),
	}
}
