package doctor_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/doctor"
	"awala.network/gateway/internal/documents/mongo"
	"awala.network/gateway/internal/names"
	"awala.network/gateway/internal/resolver/resolvertest"
	"awala.network/gateway/internal/servicestest"
)

// planted is a misconfiguration and what the doctor must say of it.
type planted struct {
	nats  natsSettings
	plant func(*testing.T, *world)
	check string
	worst doctor.Severity
	fix   string // part of it
}

var plantings = map[string]planted{
	"nats: server down": {
		plant: func(_ *testing.T, w *world) { w.Config.NATS.URLs = "nats://127.0.0.1:1" },
		check: "nats", worst: doctor.Problem, fix: "--nats-url",
	},
	"nats: wrong password": {
		plant: func(_ *testing.T, w *world) { w.Config.NATS.Password = "guess" },
		check: "nats", worst: doctor.Problem, fix: "password",
	},
	"nats: account without JetStream": {
		plant: func(_ *testing.T, w *world) { w.Config.NATS.User, w.Config.NATS.Password = "bare", "bare" },
		check: "nats-jetstream", worst: doctor.Problem, fix: "jetstream: enabled",
	},
	"nats: acknowledges before it syncs": {
		nats: natsSettings{sync: "sync_interval: 2m"}, check: "nats-sync", worst: doctor.Problem, fix: "sync_interval: always",
	},
	"nats: no user of the system account": {
		plant: func(_ *testing.T, w *world) { w.Config.NATS.SystemUser = "" },
		check: "nats-sync", worst: doctor.Problem, fix: "--nats-system-user",
	},
	"nats: nobody verifies syncing": {
		plant: func(_ *testing.T, w *world) { w.Config.NATS.SystemUser, w.Config.NATS.AssumeSync = "", true },
		check: "nats-sync", worst: doctor.Warning, fix: "--nats-system-user",
	},
	"nats: system user of another account": {
		plant: func(_ *testing.T, w *world) {
			w.Config.NATS.SystemUser, w.Config.NATS.SystemPassword = "awala", "awala"
		},
		check: "nats-system", worst: doctor.Problem, fix: "system account",
	},
	"nats: more copies than servers": {
		plant: func(_ *testing.T, w *world) { w.Config.NATS.Replicas = 3 },
		check: "nats-replicas", worst: doctor.Problem, fix: "--nats-replicas",
	},
	"nats: small max_payload": {
		nats: natsSettings{payload: "512KB"}, check: "nats-payload", worst: doctor.Problem, fix: "max_payload",
	},
	"nats: account at its limit": {
		nats:  natsSettings{account: "{ max_file: 10MB, max_consumers: 0 }"},
		plant: func(t *testing.T, w *world) { fillAccount(t, w) },
		check: "nats-limits", worst: doctor.Problem, fix: "max_file",
	},
	"nats: stream missing": {
		plant: func(t *testing.T, w *world) { must(t, w.js.DeleteStream(t.Context(), events.StreamParked)) },
		check: "nats-streams", worst: doctor.Problem, fix: "init --remote",
	},
	"nats: stream pushes history out": {
		plant: func(t *testing.T, w *world) {
			w.stream(t, events.StreamGateway, func(c *natsjs.StreamConfig) { c.Discard = natsjs.DiscardOld })
		},
		check: "nats-streams", worst: doctor.Problem, fix: "init --remote",
	},
	"nats: stream forgets": {
		plant: func(t *testing.T, w *world) {
			w.stream(t, events.StreamGateway, func(c *natsjs.StreamConfig) { c.MaxAge = time.Hour })
		},
		check: "nats-streams", worst: doctor.Problem, fix: "init --remote",
	},
	"nats: no live copies": {
		plant: func(t *testing.T, w *world) {
			w.stream(t, events.StreamGatewayParcels, func(c *natsjs.StreamConfig) { c.RePublish = nil })
		},
		check: "nats-streams", worst: doctor.Problem, fix: "init --remote",
	},
	"nats: consumer missing": {
		plant: func(t *testing.T, w *world) {
			must(t, w.js.DeleteConsumer(t.Context(), events.StreamCargo, "unwrap-cargo"))
		},
		check: "nats-consumers", worst: doctor.Problem, fix: "init --remote",
	},
	"nats: consumer of other subjects": {
		plant: func(t *testing.T, w *world) {
			_, err := w.js.UpdateConsumer(t.Context(), events.StreamCargo, natsjs.ConsumerConfig{
				Durable: "unwrap-cargo", FilterSubject: events.CargoOutcomes, AckPolicy: natsjs.AckExplicitPolicy,
			})
			must(t, err)
		},
		check: "nats-consumers", worst: doctor.Problem, fix: "init --remote",
	},
	"nats: consumer paused": {
		plant: func(t *testing.T, w *world) {
			_, err := w.js.PauseConsumer(t.Context(), events.StreamCargo, "unwrap-cargo", time.Now().Add(time.Hour))
			must(t, err)
		},
		check: "nats-consumers", worst: doctor.Problem, fix: "nats consumer resume",
	},
	"identity: another address": {
		plant: func(_ *testing.T, w *world) { w.Config.Gateway.InternetAddress = "other.awala.test" },
		check: "identity-address", worst: doctor.Problem, fix: address,
	},
	"identity: certificate expired": {
		plant: func(_ *testing.T, w *world) { w.Now = func() time.Time { return time.Now().Add(200 * 24 * time.Hour) } },
		check: "own-certificate", worst: doctor.Problem, fix: "housekeeping",
	},
	"identity: certificate not renewed": {
		plant: func(_ *testing.T, w *world) { w.Now = func() time.Time { return time.Now().Add(90 * 24 * time.Hour) } },
		check: "own-certificate", worst: doctor.Warning, fix: "housekeeping",
	},
	"s3: server down": {
		plant: func(_ *testing.T, w *world) { w.Config.ObjectStore.Endpoint = "http://127.0.0.1:1" },
		check: "s3", worst: doctor.Problem, fix: "--s3-endpoint",
	},
	"s3: no bucket": {
		plant: func(_ *testing.T, w *world) { w.bucket.missing = true },
		check: "s3-bucket", worst: doctor.Problem, fix: "init --remote",
	},
	"s3: wrong secret key": {
		plant: func(_ *testing.T, w *world) { w.bucket.denied = true },
		check: "s3-bucket", worst: doctor.Problem, fix: "--s3-secret-key",
	},
	"s3: no conditional put": {
		plant: func(_ *testing.T, w *world) { w.bucket.replaces = true },
		check: "s3-conditional-put", worst: doctor.Problem, fix: "If-None-Match",
	},
	"s3: metadata lost": {
		plant: func(_ *testing.T, w *world) { w.bucket.forgets = true },
		check: "s3-get", worst: doctor.Problem, fix: "x-amz-meta",
	},
	"s3: no right to delete": {
		plant: func(_ *testing.T, w *world) { w.bucket.keeps = true },
		check: "s3-delete", worst: doctor.Problem, fix: "delete",
	},
	"s3: clock": {
		plant: func(_ *testing.T, w *world) { w.bucket.ahead = -time.Hour },
		check: "s3-clock", worst: doctor.Problem, fix: "time service",
	},
	"s3: lifecycle too short": {
		plant: func(_ *testing.T, w *world) { w.bucket.rules = rule("awala-parcels", "parcels/", 7) },
		check: "s3-lifecycle", worst: doctor.Problem, fix: "init --remote",
	},
	"s3: lifecycle of others": {
		plant: func(_ *testing.T, w *world) { w.bucket.rules += rule("tidy", "", 30) },
		check: "s3-lifecycle", worst: doctor.Problem, fix: "remove the rule",
	},
	"s3: no lifecycle": {
		plant: func(_ *testing.T, w *world) { w.bucket.rules = "" },
		check: "s3-lifecycle", worst: doctor.Warning, fix: "init --remote",
	},
	"s3: versions": {
		plant: func(_ *testing.T, w *world) { w.bucket.versioned = true },
		check: "s3-versioning", worst: doctor.Warning, fix: "suspend versioning",
	},
	"vault: down": {
		plant: func(_ *testing.T, w *world) { w.Config.Vault.Address = "http://127.0.0.1:1" },
		check: "vault", worst: doctor.Problem, fix: "--vault-address",
	},
	"vault: not initialised": {
		plant: func(_ *testing.T, w *world) { w.vault.uninitialised = true },
		check: "vault-seal", worst: doctor.Problem, fix: "operator init",
	},
	"vault: sealed": {
		plant: func(_ *testing.T, w *world) { w.vault.sealed = true },
		check: "vault-seal", worst: doctor.Problem, fix: "operator unseal",
	},
	"vault: token revoked": {
		plant: func(_ *testing.T, w *world) { w.vault.token = "another" },
		check: "vault-token", worst: doctor.Problem, fix: "--vault-token-file",
	},
	"vault: secret id has ended": {
		plant: func(_ *testing.T, w *world) { w.Config.Vault.RoleID = "role" },
		check: "vault-token", worst: doctor.Problem, fix: "--vault-secret-id-file",
	},
	"vault: token about to end": {
		plant: func(_ *testing.T, w *world) { w.vault.ttl = 3600 },
		check: "vault-token", worst: doctor.Problem, fix: "renew",
	},
	"vault: token ends this week": {
		plant: func(_ *testing.T, w *world) { w.vault.ttl = 3 * 24 * 3600 },
		check: "vault-token", worst: doctor.Warning, fix: "renew",
	},
	"vault: root token": {
		plant: func(_ *testing.T, w *world) { w.vault.policies = []string{"root"} },
		check: "vault-token-policy", worst: doctor.Warning, fix: "policy",
	},
	"vault: no engine": {
		plant: func(_ *testing.T, w *world) { w.vault.version = "" },
		check: "vault-engine", worst: doctor.Problem, fix: "vault secrets enable",
	},
	"vault: KV version 1": {
		plant: func(_ *testing.T, w *world) { w.vault.version = "1" },
		check: "vault-engine", worst: doctor.Problem, fix: "enable-versioning",
	},
	"vault: policy too narrow": {
		plant: func(_ *testing.T, w *world) { w.vault.capabilities["metadata"] = []string{"list"} },
		check: "vault-policy", worst: doctor.Problem, fix: "policy",
	},
	"vault: clock": {
		plant: func(_ *testing.T, w *world) { w.vault.ahead = 20 * time.Second },
		check: "vault-clock", worst: doctor.Warning, fix: "time service",
	},
	"mongodb: down": {
		plant: func(*testing.T, *world) {},
		check: "mongodb", worst: doctor.Problem, fix: "start MongoDB",
	},
	"settings: the example's address": {
		plant: func(_ *testing.T, w *world) { w.Config.Gateway.InternetAddress = "gw.example.com" },
		check: "internet-address", worst: doctor.Problem, fix: "--internet-address",
	},
	"names: key store is older than the history": {
		plant: func(t *testing.T, w *world) {
			w.record(t, events.CargoReceived{PrivateGatewayID: "0a"})
			n, err := w.keys.GatewayName(t.Context(), "0a")
			must(t, err)
			must(t, w.keys.DeleteNamed(t.Context(), n.Pseudonym))
		},
		check: "names", worst: doctor.Problem, fix: "backup",
	},
	"names: a forgetting was interrupted": {
		plant: func(t *testing.T, w *world) {
			w.record(t, events.CargoReceived{PrivateGatewayID: "0a"})
			_, err := names.New(w.keys).Begin(t.Context(), "0a", "anna", "")
			must(t, err)
		},
		check: "forgetting", worst: doctor.Warning, fix: "events forget 0a",
	},
	"settings: admin server for everybody": {
		plant: func(_ *testing.T, w *world) { w.Config.Admin.Listen = ":8083" },
		check: "admin-listen", worst: doctor.Warning, fix: "--admin-token-file",
	},
	"settings: changes by nobody knows whom": {
		plant: func(_ *testing.T, w *world) { w.Config.Admin.Console.Changes = true },
		check: "console-changes", worst: doctor.Warning, fix: "--admin-token-file",
	},
	"settings: deliveries to private addresses": {
		plant: func(_ *testing.T, w *world) { w.Config.PDC.AllowPrivate = true },
		check: "delivery-guards", worst: doctor.Warning, fix: "--pdc-allow-private",
	},
	"settings: Vault without TLS": {
		plant: func(_ *testing.T, w *world) { w.Config.Vault.Address = "http://vault.invalid:8200" },
		check: "tls-vault-address", worst: doctor.Warning, fix: "https",
	},
	"limits: everybody is a proxy": {
		plant: func(_ *testing.T, w *world) { w.Config.Limits.TrustedProxies = "0.0.0.0/0" },
		check: "trusted-proxies", worst: doctor.Warning, fix: "--trusted-proxies",
	},
	"limits: everybody is exempt": {
		plant: func(_ *testing.T, w *world) { w.Config.Limits.Exempt = "::/0" },
		check: "limit-exempt", worst: doctor.Warning, fix: "--limit-exempt",
	},
	"limits: one may have all": {
		plant: func(_ *testing.T, w *world) { w.Config.Limits.AddressRequests = 500 },
		check: "limit-requests", worst: doctor.Warning, fix: "half",
	},
	"limits: too little memory": {
		plant: func(_ *testing.T, w *world) { w.Config.Limits.BodyMemory = 1 << 20 },
		check: "limit-body-memory", worst: doctor.Warning, fix: "32MiB",
	},
	"limits: too few files": {
		plant: func(_ *testing.T, w *world) {
			w.Config.Limits.Connections, w.Config.Limits.AddressConnections = 1<<16-1, 1
		},
		check: "limit-connections", worst: doctor.Warning, fix: "LimitNOFILE",
	},
	"tls: PoWeb's certificate": {
		plant: func(_ *testing.T, w *world) { w.Config.PoWeb.TLSKey, w.Config.PoWeb.TLSCert = "/nowhere", "/nowhere" },
		check: "poweb-tls", worst: doctor.Problem, fix: "PEM",
	},
	"tls: key without certificate": {
		plant: func(_ *testing.T, w *world) { w.Config.CogRPC.TLSKey = "/nowhere" },
		check: "cogrpc-tls", worst: doctor.Problem, fix: "--cogrpc-tls-cert",
	},
	"tls: no such file": {
		plant: func(_ *testing.T, w *world) { w.Config.CogRPC.TLSKey, w.Config.CogRPC.TLSCert = "/nowhere", "/nowhere" },
		check: "cogrpc-tls", worst: doctor.Problem, fix: "PEM",
	},
	"tls: expired": {
		plant: func(t *testing.T, w *world) {
			w.Config.CogRPC.TLSCert, w.Config.CogRPC.TLSKey = certificate(t, time.Now().Add(-time.Minute))
		},
		check: "cogrpc-tls", worst: doctor.Problem, fix: "renew",
	},
	"tls: about to expire": {
		plant: func(t *testing.T, w *world) {
			w.Config.CogRPC.TLSCert, w.Config.CogRPC.TLSKey = certificate(t, time.Now().Add(24*time.Hour))
		},
		check: "cogrpc-tls", worst: doctor.Warning, fix: "renew",
	},
	"dns: no record": {
		plant: func(_ *testing.T, w *world) {
			w.dns.Use(func(q *dns.Msg) *dns.Msg { return resolvertest.Denial(q, 60) })
		},
		check: "dns-crc", worst: doctor.Problem, fix: "_awala-crc._tcp.gw.awala.test. 3600 IN SRV",
	},
	"dns: not signed": {
		plant: func(_ *testing.T, w *world) {
			w.dns.Use(func(q *dns.Msg) *dns.Msg {
				answer := resolvertest.Reply(q, q.Question[0].Name+" 60 IN SRV 0 0 443 127.0.0.1.")
				answer.AuthenticatedData = false
				return answer
			})
		},
		check: "dns-pdc", worst: doctor.Problem, fix: "DNSSEC",
	},
	"dns: server down": {
		plant: func(_ *testing.T, w *world) { w.target = "1" },
		check: "dns-pdc-server", worst: doctor.Problem, fix: "open the port",
	},
	"dns: certificate not trusted": {
		plant: func(_ *testing.T, w *world) { w.Config.PDC.CAFile = "" },
		check: "dns-gsc-server", worst: doctor.Problem, fix: "whole chain",
	},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fillAccount reserves nearly all of the account's storage.
func fillAccount(t *testing.T, w *world) {
	t.Helper()
	conn, err := w.Connect(false)
	must(t, err)
	t.Cleanup(conn.Close)
	js, err := natsjs.New(conn)
	must(t, err)
	_, err = js.CreateStream(t.Context(), natsjs.StreamConfig{Name: "OTHER", Subjects: []string{"other"}})
	must(t, err)
	body := make([]byte, 900<<10)
	for range 10 {
		_, err := js.Publish(t.Context(), "other", body)
		must(t, err)
	}
}

// TestPlanted plants each misconfiguration in a world in order and wants it found,
// with its fix, and nothing else that was in order before.
func TestPlanted(t *testing.T) {
	for name, p := range plantings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, p.nats)
			if p.plant != nil {
				p.plant(t, w)
			}
			found(t, doctor.Examine(t.Context(), &w.Case), p.check, p.worst, p.fix)
		})
	}
}

// found wants a finding of the check with the severity and the fix.
func found(t *testing.T, report doctor.Report, check string, severity doctor.Severity, fix string) {
	t.Helper()
	for _, f := range report.Findings {
		if f.Severity != doctor.OK && (f.Fix == "" || f.Message == "") {
			t.Errorf("%s has no fix: %s", f.Check, f.Message)
		}
		if f.Check == check && f.Severity == severity && strings.Contains(f.Fix, fix) {
			return
		}
	}
	var b strings.Builder
	_ = report.Write(&b, true, 0)
	t.Errorf("no %s of %s with a fix that says %q in:\n%s", severity, check, fix, &b)
}

// TestInOrder wants nothing found in a world in order.
func TestInOrder(t *testing.T) {
	w := newWorld(t, natsSettings{})
	uri := os.Getenv("AWALA_TEST_MONGODB_URI")
	if uri != "" {
		w.Config.MongoDB.URI = config.Secret(uri)
		w.Config.MongoDB.Database = "awala_test_doctor"
	}
	report := doctor.Examine(t.Context(), &w.Case)
	for _, f := range report.Findings {
		single := f.Check == "nats-replicas" && f.Severity == doctor.Warning
		ferret := f.Check == "mongodb-server" && f.Severity == doctor.Warning
		if f.Severity != doctor.OK && !single && !ferret && (uri != "" || f.Check != "mongodb") {
			t.Errorf("%s %s: %s (%s)", f.Severity, f.Check, f.Message, f.Fix)
		}
	}
	w.bucket.mu.Lock()
	defer w.bucket.mu.Unlock()
	if len(w.bucket.objects) > 0 {
		t.Errorf("left behind: %v", w.bucket.objects)
	}
}

// TestIndexes plants a projection that lacks an index, and one that is not there, in a
// MongoDB-wire server.
func TestIndexes(t *testing.T) {
	uri := servicestest.Env(t, "MONGODB_URI")
	const name = "awala_test_doctor_indexes"
	database, err := mongo.Open(t.Context(), mongo.Options{URI: uri, Database: name})
	must(t, err)
	t.Cleanup(func() {
		_ = database.Drop(context.Background(), "mailbox_v1_1_planted")
		_ = database.Close(context.Background())
	})
	_, err = database.Collection(t.Context(), "mailbox_v1_1_planted", []string{"gateway"})
	must(t, err)
	for plant, tt := range map[string]struct {
		want     doctor.Collection
		check    string
		severity doctor.Severity
	}{
		"in order":         {doctor.Collection{Prefix: "mailbox", Indexes: []string{"gateway"}}, "mongodb-indexes", doctor.OK},
		"index missing":    {doctor.Collection{Prefix: "mailbox", Indexes: []string{"gateway", "state"}}, "mongodb-indexes", doctor.Problem},
		"projection later": {doctor.Collection{Prefix: "peers"}, "mongodb-collections", doctor.Warning},
	} {
		t.Run(plant, func(t *testing.T) {
			w := newWorld(t, natsSettings{})
			w.Config.MongoDB.URI, w.Config.MongoDB.Database = config.Secret(uri), name
			w.Collections = []doctor.Collection{tt.want}
			fix := ""
			if tt.severity != doctor.OK {
				fix = "init --remote"
			}
			found(t, doctor.Examine(t.Context(), &w.Case), tt.check, tt.severity, fix)
		})
	}
}

// TestReport holds a report to what people read on a terminal of 80 characters.
func TestReport(t *testing.T) {
	r := doctor.Report{Problems: 1, Findings: []doctor.Finding{
		{Check: "nats", Severity: doctor.OK, Message: "fine"},
		{Check: "dns-crc", Severity: doctor.Problem, Message: "the answer \x1b[31mis not signed, so that anybody may forge it", Fix: "have the zone signed with DNSSEC"},
	}}
	var b strings.Builder
	must(t, r.Write(&b, false, 80))
	const want = `problem  dns-crc                the answer \x1b[31mis not signed, so that anybody
                                may forge it
                                fix: have the zone signed with DNSSEC
1 in order, 0 warnings, 1 problems
`
	if b.String() != want {
		t.Errorf("got\n%s", &b)
	}
}

func TestOldNATS(t *testing.T) {
	found(t, doctor.Versions("2.12.1", "2.9.25"), "nats-version", doctor.Problem, "2.12")
	if r := doctor.Versions("2.12.0", "2.15.2"); r.Problems > 0 {
		t.Errorf("%+v", r)
	}
}

// TestDataDir plants what can be wrong with a data folder.
func TestDataDir(t *testing.T) {
	tests := map[string]struct {
		plant      func(t *testing.T, c *doctor.Case)
		check, fix string
		severity   doctor.Severity
	}{
		"no folder": {
			plant: func(_ *testing.T, c *doctor.Case) { c.DataDir += "/nowhere" },
			check: "data-dir", severity: doctor.Warning, fix: "--data-dir",
		},
		"not a folder": {
			plant: func(t *testing.T, c *doctor.Case) {
				c.DataDir += "/file"
				must(t, os.WriteFile(c.DataDir, nil, 0o600))
			},
			check: "data-dir", severity: doctor.Problem, fix: "--data-dir",
		},
		"open to others": {
			plant: func(t *testing.T, c *doctor.Case) { must(t, os.Chmod(c.DataDir, 0o755)) },
			check: "data-dir-mode", severity: doctor.Problem, fix: "chmod 700",
		},
		"keys open to others": {
			plant: func(t *testing.T, c *doctor.Case) {
				must(t, os.Mkdir(filepath.Join(c.DataDir, "keys"), 0o700))
				must(t, os.WriteFile(filepath.Join(c.DataDir, "keys", "k"), nil, 0o644))
			},
			check: "data-dir-keys", severity: doctor.Problem, fix: "chmod -R go=",
		},
		"keys lost": {
			check: "data-dir-keys", severity: doctor.Warning, fix: "backup",
		},
		"no passphrase": {
			check: "keys-passphrase", severity: doctor.Warning, fix: "--keys-passphrase-file",
		},
		"disk full": {
			plant: func(_ *testing.T, c *doctor.Case) { c.Config.Standalone.StorageReserve = 1 << 60 },
			check: "disk-space", severity: doctor.Problem, fix: "make room",
		},
		"in memory": {
			plant: func(t *testing.T, c *doctor.Case) {
				dir, err := os.MkdirTemp("/dev/shm", "awala-doctor-")
				if err != nil {
					t.Skip("no file system in memory")
				}
				t.Cleanup(func() { _ = os.RemoveAll(dir) })
				c.DataDir = dir
			},
			check: "disk-kind", severity: doctor.Problem, fix: "on a disk",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &doctor.Case{Config: config.Default(), DataDir: t.TempDir(), SkipDNS: true, Now: time.Now, History: noHistory}
			must(t, os.Chmod(c.DataDir, 0o700))
			if tt.plant != nil {
				tt.plant(t, c)
			}
			found(t, doctor.Examine(t.Context(), c), tt.check, tt.severity, tt.fix)
		})
	}
}
