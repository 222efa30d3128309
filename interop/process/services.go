package process

import (
	"encoding/json"
	"fmt"
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
)

// Services are backing services for roles that are processes of their own.
type Services struct {
	// Flags are the settings of a role that uses them.
	Flags []string
}

// StartServices starts a NATS server and a Vault of the test's own, in its process,
// and takes the S3 and MongoDB servers that `task services` has started.
func StartServices(t testing.TB) *Services {
	t.Helper()
	s := &Services{}
	for flag, variable := range map[string]string{
		"s3-endpoint": "AWALA_TEST_S3_ENDPOINT", "s3-bucket": "AWALA_TEST_S3_BUCKET", "mongodb-uri": "AWALA_TEST_MONGODB_URI",
		"s3-access-key": "AWALA_TEST_S3_ACCESS_KEY", "s3-secret-key": "AWALA_TEST_S3_SECRET_KEY",
	} {
		value := os.Getenv(variable)
		if value == "" {
			t.Fatalf("%s is not set: start the services first", variable)
		}
		s.Flags = append(s.Flags, "--"+flag, value)
	}
	vault := httptest.NewServer(&vault{records: make(map[string]json.RawMessage)})
	t.Cleanup(vault.Close)
	s.Flags = append(s.Flags,
		"--mongodb-database", fmt.Sprintf("awala_test_%d", time.Now().UnixNano()),
		"--vault-address", vault.URL, "--vault-token", "root",
		"--nats-url", startNATS(t), "--nats-replicas", "1", "--nats-user", "awala", "--nats-password", "awala",
		"--nats-system-user", "system", "--nats-system-password", "system")
	return s
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

func startNATS(t testing.TB) (url string) {
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
	return ns.ClientURL()
}

// vault is as much of a KV v2 engine as the key store needs.
type vault struct {
	mu      sync.Mutex
	records map[string]json.RawMessage
}

// ServeHTTP implements [http.Handler].
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
