package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/gateway"
	"awala.network/gateway/internal/ping"
	"awala.network/gateway/internal/telemetry"
)

// TestRolesApart runs two processes' worth of each server and worker on a NATS
// server, an S3 server, a MongoDB server and a Vault, and sends parcels in at one
// of a pair and out at the other.
func TestRolesApart(t *testing.T) {
	c := remoteSettings(t)
	var running []*gateway.Gateway
	for _, kind := range []gateway.Kind{
		gateway.ProjectionsWorker(), gateway.HousekeepingWorker(), gateway.PoWeb(), gateway.PoHTTP(),
		gateway.ProjectionsWorker(), gateway.HousekeepingWorker(), gateway.PoWeb(), gateway.PoHTTP(),
	} {
		g, err := gateway.Start(t.Context(), remoteOptions(t, kind, c))
		if err != nil {
			t.Fatalf("%s: %v", kind.Name, err)
		}
		defer stop(t, g)
		running = append(running, g)
	}
	ids := make(map[string]bool)
	for _, g := range running {
		ids[g.Info().NodeID] = true
	}
	if len(ids) != 1 {
		t.Errorf("the processes are %d gateways", len(ids))
	}
	for _, pair := range [][2]int{{2, 3}, {6, 7}, {2, 7}} {
		target := ping.Target{
			PoWeb:  "http://" + running[pair[0]].Info().Servers["poweb"],
			PoHTTP: "http://" + running[pair[1]].Info().Servers["pohttp"],
		}
		var report bytes.Buffer
		if err := ping.Run(t.Context(), target, &ping.Report{W: &report}); err != nil {
			t.Errorf("%v\n%s", err, &report)
		}
	}
}

// TestServiceThatComesLate starts a role before Vault answers.
func TestServiceThatComesLate(t *testing.T) {
	c := remoteSettings(t)
	working, err := http.NewRequest(http.MethodGet, string(c.Vault.Address), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	gate := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-gate:
			forward(w, r, working.URL.Host)
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

func forward(w http.ResponseWriter, r *http.Request, host string) {
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", host, ""
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func remoteOptions(t *testing.T, kind gateway.Kind, c *config.Config) gateway.Options {
	level := new(slog.LevelVar)
	logger := telemetry.NewLogger(t.Output(), telemetry.Text, level).With("kind", kind.Name)
	return gateway.Options{Kind: kind, Config: c, Logger: logger, Level: level}
}

// remoteSettings names the services that `task services` has started, and a NATS
// server and a Vault of the test's own.
func remoteSettings(t *testing.T) *config.Config {
	t.Helper()
	c := settings("")
	set := func(value interface{ Set(string) error }, variable string) {
		t.Helper()
		text := os.Getenv(variable)
		if text == "" && os.Getenv("AWALA_TEST_REQUIRE_SERVICES") == "1" {
			t.Fatalf("%s is not set", variable)
		}
		if text == "" {
			t.Skipf("%s is not set: start the services first", variable)
		}
		if err := value.Set(text); err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
	}
	set(&c.ObjectStore.Endpoint, "AWALA_TEST_S3_ENDPOINT")
	set(&c.ObjectStore.AccessKey, "AWALA_TEST_S3_ACCESS_KEY")
	set(&c.ObjectStore.SecretKey, "AWALA_TEST_S3_SECRET_KEY")
	set(&c.ObjectStore.Bucket, "AWALA_TEST_S3_BUCKET")
	set(&c.MongoDB.URI, "AWALA_TEST_MONGODB_URI")
	c.MongoDB.Database = config.Text(fmt.Sprintf("awala_test_%d", time.Now().UnixNano()))
	startNATS(t, c)
	vault := httptest.NewServer(&fakeVault{records: make(map[string]json.RawMessage)})
	t.Cleanup(vault.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	c.Vault.Address, c.Vault.Token = config.URL(vault.URL), "root"
	return c
}

const natsConfig = `
port: -1
host: 127.0.0.1
jetstream { store_dir: %q, sync_interval: always }
accounts {
  SYS { users: [ { user: system, password: system } ] }
  AWALA { jetstream: enabled, users: [ { user: awala, password: awala } ] }
}
system_account: SYS
`

// startNATS runs a NATS server as an operator would configure it.
func startNATS(t *testing.T, c *config.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, natsConfig, t.TempDir()), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs, o.NoLog = true, true
	ns, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS did not start")
	}
	c.NATS.URLs, c.NATS.Replicas = config.NATSURLs(ns.ClientURL()), 1
	c.NATS.User, c.NATS.Password = "awala", "awala"
	c.NATS.SystemUser, c.NATS.SystemPassword = "system", "system"
}

// fakeVault is as much of a KV v2 engine as the key store needs.
type fakeVault struct {
	mu      sync.Mutex
	records map[string]json.RawMessage
}

func (v *fakeVault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	name, isData := strings.CutPrefix(r.URL.Path, "/v1/gw-keys/data/")
	switch {
	case isData && r.Method == http.MethodGet && v.records[name] != nil:
		fmt.Fprintf(w, `{"data":{"data":%s,"metadata":{"version":1}}}`, v.records[name])
	case isData && r.Method != http.MethodGet:
		var body struct {
			Data json.RawMessage `json:"data"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		v.records[name] = body.Data
		fmt.Fprint(w, `{"data":{"version":1}}`)
	case r.URL.Query().Get("list") == "true" && len(v.records) > 0:
		keys, _ := json.Marshal(slices.Collect(maps.Keys(v.records)))
		fmt.Fprintf(w, `{"data":{"keys":%s}}`, keys)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"errors":[]}`)
	}
}
