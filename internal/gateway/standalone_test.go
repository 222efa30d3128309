package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/ping"
	"awala.network/gateway/internal/powebclient"
	"awala.network/gateway/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are those of a standalone gateway on dir with free ports.
func settings(dir string) *config.Config {
	c := config.Default()
	c.Standalone.DataDir = config.Path(dir)
	for _, l := range []*config.Listen{&c.PoWeb.Listen, &c.PoHTTP.Listen, &c.CogRPC.Listen, &c.Admin.Listen} {
		*l = "127.0.0.1:0"
	}
	return c
}

func options(t *testing.T, c *config.Config) gateway.Options {
	level := new(slog.LevelVar)
	logger := telemetry.NewLogger(t.Output(), telemetry.Text, level)
	return gateway.Options{Kind: gateway.Standalone(), Config: c, Logger: logger, Level: level}
}

func start(t *testing.T, c *config.Config) *gateway.Gateway {
	t.Helper()
	g, err := gateway.Start(t.Context(), options(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// stop stops the gateway and holds it to its bound.
func stop(t *testing.T, g *gateway.Gateway) {
	t.Helper()
	began := time.Now()
	if err := g.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(began); took > gateway.StopTimeout {
		t.Errorf("the stop took %v", took)
	}
}

func newClient(t *testing.T, g *gateway.Gateway) *powebclient.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := powebclient.New("http://"+g.Info().Servers["poweb"], &http.Client{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestPing(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	pingServers(t, g, g, g)
}

// TestPingWithoutCouriers pings a gateway whose CogRPC server cannot be reached.
func TestPingWithoutCouriers(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	servers := g.Info().Servers
	target := ping.Target{PoWeb: "http://" + servers["poweb"], PoHTTP: "http://" + servers["pohttp"]}
	for url, want := range map[string]string{
		"":                   "has no host",
		"127.0.0.1:8082":     "first path segment",
		"dns://127.0.0.1":    "neither http nor https",
		"http://127.0.0.1:1": "connection refused",
	} {
		target.CogRPC = url
		err := ping.Run(t.Context(), target, &ping.Report{W: io.Discard})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "a courier delivers") {
			t.Errorf("CogRPC at %q: %v", url, err)
		}
	}
	target.NoCourier = true
	if err := ping.Run(t.Context(), target, &ping.Report{W: io.Discard}); err != nil {
		t.Errorf("without a courier: %v", err)
	}
}

// pingServers pings the servers of a gateway, whichever process has which.
func pingServers(t *testing.T, poweb, pohttp, cogrpc *gateway.Gateway) {
	t.Helper()
	target := ping.Target{
		PoWeb:  "http://" + poweb.Info().Servers["poweb"],
		PoHTTP: "http://" + pohttp.Info().Servers["pohttp"],
		CogRPC: "http://" + cogrpc.Info().Servers["cogrpc"],
	}
	if err := ping.Run(t.Context(), target, &ping.Report{W: t.Output()}); err != nil {
		t.Error(err)
	}
}

// TestRestart shows that a gateway comes back as the one that it was: same
// identity, and parcels accepted before the stop are collected after it, once.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, settings(dir))
	before := first.Info()
	client := newClient(t, first)
	recipient, parcel := deliverOne(t, client)
	stop(t, first)

	c := settings(dir)
	c.PoWeb.Listen = config.Listen(before.Servers["poweb"]) // where the client looks
	second := start(t, c)
	defer stop(t, second)
	if after := second.Info(); after.NodeID != before.NodeID || after.InternetAddress != before.InternetAddress {
		t.Errorf("was %s, came back as %s", before.NodeID, after.NodeID)
	}
	if diff := cmp.Diff([][]byte{parcel}, collectAll(t, recipient)); diff != "" {
		t.Error("first collection", diff)
	}
	if left := collectAll(t, recipient); len(left) > 0 {
		t.Errorf("%d parcels come again after their acknowledgement", len(left))
	}
}

// deliverOne sends a parcel to a new private gateway, which does not collect it.
func deliverOne(t *testing.T, client *powebclient.Client) (recipient *powebclient.PrivateGateway, parcel []byte) {
	t.Helper()
	recipient, err := client.NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to, err := recipient.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	from, err := recipient.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	if parcel, err = from.Write(powebclient.Parcel{To: to, Payload: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if err := recipient.Deliver(t.Context(), parcel); err != nil {
		t.Fatal(err)
	}
	return recipient, parcel
}

// collectAll collects and acknowledges everything.
func collectAll(t *testing.T, g *powebclient.PrivateGateway) (parcels [][]byte) {
	t.Helper()
	collection, err := g.Collect(t.Context(), powebclient.CloseUponCompletion)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	for {
		delivery, err := collection.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return parcels
		}
		if err != nil {
			t.Fatal(err)
		}
		parcels = append(parcels, delivery.Parcel)
		if err := delivery.Acknowledge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStopSendsCollectorsAway shows that a stop with open collections is clean
// and quick, and gives clients a close code that makes them come back.
func TestStopSendsCollectorsAway(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	peer, err := newClient(t, g).NewPrivateGateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	collection, err := peer.Collect(t.Context(), powebclient.KeepAlive)
	if err != nil {
		t.Fatal(err)
	}
	defer collection.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := collection.Next(context.Background())
		ended <- err
	}()
	stop(t, g)
	if err := <-ended; powebclient.CloseCode(err) != 4000 {
		t.Errorf("collection ended with %v, want close code 4000", err)
	}
}

func TestReadiness(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	answer, err := http.Get("http://" + g.Info().Servers["admin"] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", answer.Status, body)
	}
	for _, need := range []string{"history", "blobs", "documents", "keys", "mailbox_v1", "peers_v1"} {
		if !strings.Contains(string(body), `"name": "`+need+`"`) {
			t.Errorf("/readyz does not check %s: %s", need, body)
		}
	}
}

func TestReadyFile(t *testing.T) {
	c := settings(t.TempDir())
	file := filepath.Join(t.TempDir(), "ready.json")
	c.Admin.ReadyFile = config.Path(file)
	g := start(t, c)
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got gateway.Info
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g.Info(), got); diff != "" {
		t.Error(diff)
	}
	stop(t, g)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there after the stop: %v", err)
	}
}

func TestRefusedStarts(t *testing.T) {
	dir := t.TempDir()
	running := start(t, settings(dir))
	defer stop(t, running)

	same := settings(dir)
	taken := settings(t.TempDir())
	taken.PoHTTP.Listen = config.Listen(running.Info().Servers["pohttp"])
	tests := map[string]struct {
		config *config.Config
		want   string
	}{
		"same data folder": {same, "another gateway is running on it"},
		"port taken":       {taken, "another process listens there"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g, err := gateway.Start(t.Context(), options(t, tt.config))
			if err == nil {
				stop(t, g)
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, tt.want)
			}
		})
	}
}

// TestOtherAddressIsRefused shows that the Internet address cannot change under
// peers that know the gateway by it.
func TestOtherAddressIsRefused(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, settings(dir)))
	c := settings(dir)
	c.Gateway.InternetAddress = "other.example.com"
	if g, err := gateway.Start(t.Context(), options(t, c)); err == nil {
		stop(t, g)
		t.Error("it started under another name")
	}
}

// TestCollectedParcelLeavesNoBlob shows the whole way: what was acknowledged is
// recorded, and housekeeping removes the blob.
func TestCollectedParcelLeavesNoBlob(t *testing.T) {
	g := start(t, settings(t.TempDir()))
	defer stop(t, g)
	recipient, _ := deliverOne(t, newClient(t, g))
	if n := countBlobs(t, g); n != 1 {
		t.Fatalf("%d blobs after the delivery", n)
	}
	if n := len(collectAll(t, recipient)); n != 1 {
		t.Fatalf("%d parcels collected", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for countBlobs(t, g) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the blob is still there")
		}
	}
}

// countBlobs counts parcels and cargoes; what is signed of the history stays.
func countBlobs(t *testing.T, g *gateway.Gateway) int {
	t.Helper()
	return len(blobsUnder(t, g, "parcels/")) + len(blobsUnder(t, g, "cargoes/"))
}

// blobsUnder returns the keys of the blobs that have a prefix.
func blobsUnder(t *testing.T, g *gateway.Gateway, prefix string) (keys []string) {
	t.Helper()
	for info, err := range gateway.Blobs(g).List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}
