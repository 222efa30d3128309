package interop

import (
	"encoding/base64"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"awala.network/gateway/awala/pki"
	"awala.network/gateway/events"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/interop/process"
)

// gatewayAge is how long ago the gateway of TestRotation was made and issued a
// certificate to a private gateway. That has 60 days left: less than the 90 from
// which on a private gateway gets a new one with its cargo.
const gatewayAge = 120 * 24 * time.Hour

// TestRotation lets the real JavaScript library collect a certificate rotation.
func TestRotation(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a gateway and Node.js")
	}
	t.Parallel()
	if err := installClients(); err != nil {
		t.Fatalf("npm ci: %v", err)
	}
	dir := t.TempDir()
	privateGateway := makeAgedGateway(t, filepath.Join(dir, "data"))
	gateway := process.StartStandalone(t, dir, "--internet-address", internetAddress)
	runNode(t, gateway, filepath.Join("aged", "rotation.test.mjs"), privateGateway...)
}

// makeAgedGateway gives a data folder the identity of a gateway that has run for
// long: there is no other way to make certificates old. It returns, as variables
// of the environment in base64, a private gateway of that time: its key, its
// certificate and the gateway's.
func makeAgedGateway(t *testing.T, dataDir string) (env []string) {
	t.Helper()
	server, err := embedded.Start(filepath.Join(dataDir, "history"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := server.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	log, err := jetstream.Open(t.Context(), conn, jetstream.Options{Sync: server.SyncAlways})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.Provision(t.Context(), events.Streams()); err != nil {
		t.Fatal(err)
	}
	secrets, err := sealed.Open(filepath.Join(dataDir, "keys"), sealed.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer secrets.Close()
	deps := identity.Deps{
		Keys: keystore.New(secrets), Log: log, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(-gatewayAge) },
	}
	gateway, err := identity.Ensure(t.Context(), deps, internetAddress)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.GenerateIdentityKey()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := gateway.IssueFor(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	serialized, err := pki.MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{
		"AWALA_PRIVATE_KEY": serialized, "AWALA_CERTIFICATE": certificate.DER(), "AWALA_GATEWAY_CERTIFICATE": gateway.Certificate().DER(),
	} {
		env = append(env, name+"="+base64.StdEncoding.EncodeToString(der))
	}
	return env
}
