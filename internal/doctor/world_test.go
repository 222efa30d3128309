package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/doctor"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/names"
	"awala.network/gateway/internal/resolver"
	"awala.network/gateway/internal/resolver/resolvertest"
)

const address = "gw.awala.test"

const natsText = `
port: -1
host: 127.0.0.1
max_payload: %s
jetstream { store_dir: %q, %s }
accounts {
  SYS { users: [ { user: system, password: system } ] }
  AWALA { jetstream: %s, users: [ { user: awala, password: awala } ] }
  BARE { users: [ { user: bare, password: bare } ] }
}
system_account: SYS
`

// world is a gateway's surroundings, all in order but for what a test plants.
type world struct {
	doctor.Case
	bucket *bucket
	vault  *vaultServer
	dns    *resolvertest.Server
	target string // the port of a server that speaks TLS
	keys   *keystore.Keys
	log    *jetstream.Log
	js     natsjs.JetStream
}

// natsSettings are what of the server's configuration a test may want different.
type natsSettings struct{ payload, sync, account string }

func (n natsSettings) withDefaults() natsSettings {
	for _, s := range []struct {
		setting *string
		text    string
	}{{&n.payload, "1MB"}, {&n.sync, "sync_interval: always"}, {&n.account, "enabled"}} {
		if *s.setting == "" {
			*s.setting = s.text
		}
	}
	return n
}

// newWorld returns a world in order.
func newWorld(t *testing.T, n natsSettings) *world {
	t.Helper()
	n = n.withDefaults()
	w := &world{
		bucket: &bucket{
			objects: map[string]object{}, rules: rule("awala-parcels", "parcels/", 183) + rule("other", "logs/", 0),
		},
		vault: &vaultServer{
			token: "s.token", version: "2", ttl: 40 * 24 * 3600, policies: []string{"awala"},
			capabilities: map[string][]string{"data": {"create", "read", "update"}, "metadata": {"delete", "list"}},
		},
	}
	w.Case = doctor.Case{
		Config: config.Default(), Streams: events.Streams(),
		Consumers: []jetstream.ConsumerSpec{{Stream: events.StreamCargo, Name: "unwrap-cargo", Filter: []string{events.CargoChannel}}},
		Lifecycle: []s3.Rule{{Prefix: "parcels/", Days: 183}},
		Now:       time.Now, Logger: slog.New(slog.DiscardHandler),
	}
	w.Config.Gateway.InternetAddress = address
	w.Config.MongoDB.URI = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"
	w.Config.ObjectStore = config.ObjectStore{
		Endpoint: config.URL(serve(t, w.bucket)), Bucket: "parcels", Region: "us-east-1", AccessKey: "key", SecretKey: "secret",
	}
	w.Config.Vault = config.Vault{Address: config.URL(serve(t, w.vault)), Token: "s.token", Mount: "gw-keys"}
	w.Keys = func(context.Context) (*keystore.Keys, func() error, error) {
		if w.keys == nil {
			return nil, nil, errors.New("there is none")
		}
		return w.keys, func() error { return nil }, nil
	}
	w.startDNS(t)
	w.startNATS(t, n)
	return w
}

func serve(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// startDNS answers for the address, and runs a server that the records name.
func (w *world) startDNS(t *testing.T) {
	target := httptest.NewTLSServer(http.NotFoundHandler())
	target.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(target.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, file, "CERTIFICATE", target.Certificate().Raw)
	w.Config.PDC.CAFile = config.Path(file)
	w.target = target.URL[strings.LastIndex(target.URL, ":")+1:]
	w.dns = resolvertest.Start(t, func(q *dns.Msg) *dns.Msg {
		return resolvertest.Reply(q, fmt.Sprintf("%s 60 IN SRV 0 0 %s 127.0.0.1.", q.Question[0].Name, w.target))
	})
	w.Lookup = resolver.New(resolver.NewPlain(w.dns.Address))
}

// startNATS runs a server with everything provisioned, if its settings let that be.
func (w *world) startNATS(t *testing.T, n natsSettings) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, natsText, n.payload, t.TempDir(), n.sync, n.account), 0o600); err != nil {
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
	c := &w.Config.NATS
	c.URLs, c.Replicas, c.User, c.Password = config.NATSURLs(ns.ClientURL()), 1, "awala", "awala"
	c.SystemUser, c.SystemPassword = "system", "system"
	w.Connect = func(system bool) (*nats.Conn, error) {
		if system {
			return nats.Connect(string(c.URLs), nats.UserInfo(string(c.SystemUser), c.SystemPassword.Reveal()))
		}
		return nats.Connect(string(c.URLs), nats.UserInfo(string(c.User), c.Password.Reveal()))
	}
	if n.account == "enabled" {
		w.provision(t)
	}
}

func (w *world) provision(t *testing.T) {
	t.Helper()
	conn, err := w.Connect(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	log, err := jetstream.Open(t.Context(), conn, jetstream.Options{Sync: jetstream.DeclaredSync()})
	if err == nil {
		t.Cleanup(log.Close)
		err = log.Provision(t.Context(), w.Streams)
	}
	if err == nil {
		err = log.ProvisionConsumers(t.Context(), w.Consumers)
	}
	if err == nil {
		w.log = log
		w.keys, err = newIdentity(t, log)
	}
	if err == nil {
		w.js, err = natsjs.New(conn)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newIdentity(t *testing.T, log *jetstream.Log) (*keystore.Keys, error) {
	t.Helper()
	store, err := sealed.Open(filepath.Join(t.TempDir(), "keys"), sealed.Options{})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = store.Close() })
	keys := keystore.New(store)
	_, err = identity.Ensure(t.Context(), identity.Deps{
		Keys: keys, Log: log, Logger: slog.New(slog.DiscardHandler),
	}, address)
	return keys, err
}

// record records an event as a gateway does that has the key store.
func (w *world) record(t *testing.T, data events.Data) {
	t.Helper()
	sealed, err := events.Seal(t.Context(), names.New(w.keys), data)
	if err == nil {
		_, err = w.log.Append(t.Context(), events.New("", "test", time.Now(), sealed))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stream changes a stream's settings behind the gateway's back.
func (w *world) stream(t *testing.T, name string, change func(*natsjs.StreamConfig)) {
	t.Helper()
	s, err := w.js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	c := s.CachedInfo().Config
	change(&c)
	if _, err := w.js.UpdateStream(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate writes a certificate and its key that end at an instant.
func certificate(t *testing.T, end time.Time) (cert, key config.Path) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: address}, NotBefore: end.Add(-time.Hour), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, k := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writePEM(t, c, "CERTIFICATE", der)
	writePEM(t, k, "PRIVATE KEY", pkcs8)
	return config.Path(c), config.Path(k)
}

// noHistory is for folders without one.
func noHistory(context.Context) (*jetstream.Log, func(context.Context) error, error) {
	panic("there is no history in the folder")
}
