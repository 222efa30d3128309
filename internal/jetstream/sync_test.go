package jetstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
)

func TestSystemSync(t *testing.T) {
	for name, always := range map[string]bool{"always": true, "two minutes": false} {
		t.Run(name, func(t *testing.T) {
			system := systemConn(t, always)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := jetstream.SystemSync(system, 1)(ctx)
			if always && err != nil {
				t.Error(err)
			}
			if !always && (!errors.Is(err, jetstream.ErrNotSynced) || !fault.IsFatal(err)) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestSystemSyncWithoutAnswer(t *testing.T) {
	system := systemConn(t, true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := jetstream.SystemSync(system, 2)(ctx); err == nil || fault.IsFatal(err) {
		t.Errorf("one of two servers answered: %v", err)
	}
}

// TestSystemSyncWithoutOne is a role that starts while a server of three is down.
func TestSystemSyncWithoutOne(t *testing.T) {
	system := systemConn(t, true)
	answers := `{"data":{"config":{"sync_always":true}}}`
	sub, err := system.Subscribe("$SYS.REQ.SERVER.PING.JSZ", func(m *nats.Msg) { _ = m.Respond([]byte(answers)) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := jetstream.SystemSync(system, 3)(t.Context()); err != nil {
		t.Errorf("two of three servers answered: %v", err)
	}
}

// systemConn returns a connection of a server's system account.
func systemConn(t *testing.T, always bool) *nats.Conn {
	t.Helper()
	sys := server.NewAccount("SYS")
	ns, err := server.NewServer(&server.Options{
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: always, DontListen: true, NoSigs: true, NoLog: true,
		Accounts: []*server.Account{sys}, SystemAccount: "SYS",
		Users: []*server.User{{Username: "sys", Password: "sys", Account: sys}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(ns), nats.UserInfo("sys", "sys"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
