package process

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"awala.network/gateway/internal/servicestest"
)

// Services are the real backing services that `task services:all` has started, as a
// gateway of the test's own has them: an empty account on the NATS cluster, a bucket, a
// database and a folder of keys.
type Services struct {
	// Config is a file of the settings of a role that uses them. NATS and Vault let it
	// do what deployments/ says, and no more.
	Config string
	// Bucket and Database are in the settings.
	Bucket, Database string

	makers []string // environment of who makes streams
}

// StartServices names the services, and has `awala-gateway init` make in them what roles
// need, with the given settings. Tests with services do not run in parallel.
func StartServices(t testing.TB, settings map[string]string) *Services {
	t.Helper()
	unique := strconv.FormatInt(time.Now().UnixNano(), 10)
	s := &Services{Config: filepath.Join(t.TempDir(), "config.yaml"), Bucket: "awala-" + unique, Database: "awala_" + unique}
	s.write(t, settings)
	out, err := Run(t, s.makers, "init", "--remote", "--config", s.Config)
	if err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	return s
}

// write makes the file.
func (s *Services) write(t testing.TB, settings map[string]string) {
	t.Helper()
	roles, makers := servicestest.NATSUsers(t)
	s.makers = []string{"AWALA_NATS_USER=" + string(makers.User), "AWALA_NATS_PASSWORD=" + makers.Password.Reveal()}
	objects, documents, keys := servicestest.ObjectStore(t), servicestest.MongoDB(t), servicestest.Vault(t)
	secretID, err := keys.SecretID.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{
		"nats-url": string(roles.URLs), "nats-replicas": strconv.Itoa(int(roles.Replicas)),
		"nats-user": string(roles.User), "nats-password": roles.Password.Reveal(),
		"nats-system-user": string(roles.SystemUser), "nats-system-password": roles.SystemPassword.Reveal(),
		"nats-tls-ca": string(roles.TLSCA), "nats-tls-cert": string(roles.TLSCert), "nats-tls-key": string(roles.TLSKey),

		"s3-endpoint": string(objects.Endpoint), "s3-bucket": s.Bucket, "s3-region": string(objects.Region),
		"s3-access-key": string(objects.AccessKey), "s3-secret-key": objects.SecretKey.Reveal(), "s3-tls-ca": string(objects.TLSCA),

		"mongodb-uri": documents.URI.Reveal(), "mongodb-database": s.Database,

		"vault-address": string(keys.Address), "vault-tls-ca": string(keys.TLSCA), "vault-folder": string(keys.Folder),
		"vault-role-id": string(keys.RoleID), "vault-secret-id": secretID,
	}
	maps.Copy(all, settings)
	text, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Config, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
