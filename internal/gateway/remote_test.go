package gateway_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/keystore/vault/vaulttest"
	"awala.network/gateway/internal/servicestest"
	"awala.network/gateway/internal/telemetry"
)

// TestRolesApart runs two processes' worth of each server and worker on a NATS
// server, an S3 server, a MongoDB server and a Vault, and sends parcels in at one
// of a pair and out at the other.
func TestRolesApart(t *testing.T) {
	c := remoteSettings(t)
	var pair [2]map[string]*gateway.Gateway // by the name of the role
	ids := make(map[string]bool)
	for i := range pair {
		pair[i] = map[string]*gateway.Gateway{}
		for _, kind := range []gateway.Kind{
			gateway.ProjectionsWorker(), gateway.HousekeepingWorker(), gateway.CargoWorker(), gateway.PoWeb(), gateway.PoHTTP(), gateway.CogRPC(),
		} {
			g, err := gateway.Start(t.Context(), remoteOptions(t, kind, c))
			if err != nil {
				t.Fatalf("%s: %v", kind.Name, err)
			}
			defer stop(t, g)
			pair[i][kind.Name] = g
			ids[g.Info().NodeID] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("the processes are %d gateways", len(ids))
	}
	for _, of := range [][3]int{{0, 0, 0}, {1, 1, 1}, {0, 1, 0}} {
		pingServers(t, pair[of[0]]["poweb"], pair[of[1]]["pohttp"], pair[of[2]]["cogrpc"])
	}
}

// TestServiceThatComesLate starts a role before Vault answers.
func TestServiceThatComesLate(t *testing.T) {
	c := remoteSettings(t)
	working := vaultProxy(t, c.Vault)
	asked := make(chan struct{}, 1)
	gate := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
			working.ServeHTTP(w, r)
		default:
			select {
			case asked <- struct{}{}:
			default:
			}
			http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
		}
	}))
	defer front.Close()
	c.Vault.Address = config.URL(front.URL)
	started := make(chan error, 1)
	var g *gateway.Gateway
	go func() {
		var err error
		g, err = gateway.Start(t.Context(), remoteOptions(t, gateway.PoHTTP(), c))
		started <- err
	}()
	<-asked
	close(gate)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	stop(t, g)
}

// vaultProxy passes requests on to Vault.
func vaultProxy(t *testing.T, c config.Vault) http.Handler {
	target, err := url.Parse(string(c.Address))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	if c.TLSCA != "" {
		transport, err := s3.Transport(string(c.TLSCA))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(transport.CloseIdleConnections)
		proxy.Transport = transport
	}
	return proxy
}

func remoteOptions(t *testing.T, kind gateway.Kind, c *config.Config) gateway.Options {
	level := new(slog.LevelVar)
	logger := telemetry.NewLogger(t.Output(), telemetry.Text, level).With("kind", kind.Name)
	return gateway.Options{Kind: kind, Config: c, Logger: logger, Level: level}
}

// remoteSettings names the services that `task services` has started. Without a real
// Vault it starts one of the test's own.
func remoteSettings(t *testing.T) *config.Config {
	t.Helper()
	c := settings("")
	c.ObjectStore, c.MongoDB, c.NATS = servicestest.ObjectStore(t), servicestest.MongoDB(t), servicestest.NATS(t, "t1")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	if _, real := servicestest.Running(); real {
		c.Vault = servicestest.Vault(t)
		return c
	}
	_, url := vaulttest.Start(t)
	c.Vault.Address, c.Vault.Token = config.URL(url), vaulttest.Token
	return c
}
