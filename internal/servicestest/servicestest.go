// Package servicestest tells tests where the real backing services are that
// deployments/dev/services.sh has started, as the settings of a gateway that uses
// them.
//
// A test that needs a service which is not there is skipped, unless
// AWALA_TEST_REQUIRE_SERVICES says that it must be there: 1 for all but Vault, all
// for Vault too.
package servicestest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/connect"
)

// Env returns what services.sh says of AWALA_TEST_ and name.
func Env(tb testing.TB, name string) string {
	tb.Helper()
	value := os.Getenv("AWALA_TEST_" + name)
	required := os.Getenv("AWALA_TEST_REQUIRE_SERVICES")
	switch {
	case value != "":
		return value
	case required == "all", required != "" && !strings.HasPrefix(name, "VAULT_"):
		tb.Fatalf("AWALA_TEST_%s is not set, and services are required", name)
	default:
		tb.Skipf("AWALA_TEST_%s is not set: `go tool task services` starts the services", name)
	}
	return ""
}

// Running tells whether services.sh has started the services, with Vault.
func Running() (some, withVault bool) {
	return os.Getenv("AWALA_TEST_SERVICES") != "", os.Getenv("AWALA_TEST_VAULT_ADDR") != ""
}

// Bucket opens a bucket, until the test ends.
func Bucket(tb testing.TB, c config.ObjectStore) *s3.Store {
	tb.Helper()
	options, err := connect.ObjectStore(c)
	if err != nil {
		tb.Fatal(err)
	}
	store, err := s3.New(options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store
}

// NATS names the cluster and an account of it, "t1" to "t3", for one package of tests.
// It is empty: tests that use it do not run in parallel.
func NATS(tb testing.TB, account string) config.NATS {
	tb.Helper()
	c := natsUser(tb, account, Env(tb, "NATS_PASSWORD"))
	empty(tb, c)
	return c
}

// NATSUsers names the cluster and the account of a gateway, which is empty, with the
// users that deployments/nats/permissions.conf describes: what roles may do, and what
// `awala-gateway init` may.
func NATSUsers(tb testing.TB) (roles, makers config.NATS) {
	tb.Helper()
	empty(tb, natsUser(tb, "operator", Secret(tb, "nats-operator")))
	return natsUser(tb, "awala", Secret(tb, "nats")), natsUser(tb, "init", Secret(tb, "nats-init"))
}

func natsUser(tb testing.TB, name, password string) config.NATS {
	tb.Helper()
	return config.NATS{
		URLs: config.NATSURLs(Env(tb, "NATS_URL")), Replicas: 3,
		User: config.Text(name), Password: config.Secret(password),
		SystemUser: "system", SystemPassword: config.Secret(Env(tb, "NATS_SYSTEM_PASSWORD")),
		TLSCA: config.Path(Env(tb, "TLS_CA")), TLSCert: config.Path(Env(tb, "TLS_CERT")), TLSKey: config.Path(Env(tb, "TLS_KEY")),
	}
}

// Log returns what a server has written since services.sh started it.
func Log(tb testing.TB, server string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(Env(tb, "SERVICES"), server+".log"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// empty removes every stream of the account.
func empty(tb testing.TB, c config.NATS) {
	tb.Helper()
	conn, err := connect.NATS(c, "test", false)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	js, err := natsjs.New(conn, natsjs.WithDefaultTimeout(30*time.Second))
	if err != nil {
		tb.Fatal(err)
	}
	names := js.StreamNames(tb.Context())
	var all []string
	for name := range names.Name() {
		all = append(all, name)
	}
	if err := names.Err(); err != nil {
		tb.Fatal(err)
	}
	for _, name := range all {
		if err := js.DeleteStream(tb.Context(), name); err != nil {
			tb.Fatal(err)
		}
	}
}

// ObjectStore names a bucket that tests share, as its administrator.
func ObjectStore(tb testing.TB) config.ObjectStore {
	tb.Helper()
	return config.ObjectStore{
		Endpoint: config.URL(Env(tb, "S3_ENDPOINT")), Bucket: config.Text(Env(tb, "S3_BUCKET")), Region: "us-east-1",
		AccessKey: config.Text(Env(tb, "S3_ACCESS_KEY")), SecretKey: config.Secret(Env(tb, "S3_SECRET_KEY")),
		TLSCA: config.Path(Env(tb, "TLS_CA")),
	}
}

var databases atomic.Int64

// MongoDB names a database of the test's own.
func MongoDB(tb testing.TB) config.MongoDB {
	tb.Helper()
	return config.MongoDB{
		URI:      config.Secret(Env(tb, "MONGODB_URI")),
		Database: config.Text(fmt.Sprintf("awala_test_%d_%d", time.Now().UnixNano(), databases.Add(1))),
	}
}

// Vault names a folder of the test's own in the real Vault, which the gateway's policy
// allows. It logs in as an AppRole whose tokens last a minute.
func Vault(tb testing.TB) config.Vault {
	tb.Helper()
	return config.Vault{
		Address: config.URL(Env(tb, "VAULT_ADDR")), TLSCA: config.Path(Env(tb, "TLS_CA")),
		RoleID: config.Text(Secret(tb, "vault-role-id")), SecretID: config.RenewedSecret(Secret(tb, "vault-secret-id")),
		AppRoleMount: "approle", Mount: "gw-keys", Folder: config.Text(fmt.Sprintf("test-%d", time.Now().UnixNano())),
	}
}

// Secret returns one of the secrets that services.sh has made.
func Secret(tb testing.TB, name string) string {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(Env(tb, "SERVICES"), "secrets", name))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// Script runs services.sh, to take a service away and bring it back: "kill", "revive",
// "pause" or "resume", and its name.
func Script(tb testing.TB, args ...string) {
	tb.Helper()
	_, file, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(file), "..", "..", "deployments", "dev", "services.sh")
	command := exec.Command(script, args...)
	command.Env = append(os.Environ(), "SERVICES_DIR="+Env(tb, "SERVICES"))
	if out, err := command.CombinedOutput(); err != nil {
		tb.Errorf("services.sh %v: %v\n%s", args, err, out)
	}
}
