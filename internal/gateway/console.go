package gateway

import (
	"context"
	"net/http"
	"time"

	"awala.network/gateway/internal/access"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/console"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
)

// newAccess returns who may use the admin server.
func (a *assembly) newAccess(c config.Admin) *access.Guard {
	return access.New(access.Options{
		Token: c.Access.Token.Reveal(), UserHeader: string(c.Console.UserHeader), Proxies: c.Console.Proxies.List(),
		Now: time.Now, Logger: a.loggerFor("admin"),
	})
}

// consoleHost is the host of the requests that the console makes, which leave this
// process only if the answer is elsewhere.
const consoleHost = "http://console.internal"

// openConsole lets the admin server show the console.
func (a *assembly) openConsole(seen *overview.Server, peers projections.PeerReader) error {
	c := a.config.Admin
	remote := http.DefaultTransport.(*http.Transport).Clone()
	remote.ResponseHeaderTimeout = 10 * time.Second
	client := &http.Client{Transport: &admin.Relay{
		Local: append(a.upkeep.mounts(), &a.queue), Peers: c.Console.Peers.List(), Token: c.Access.Token.Reveal(), Remote: remote,
	}}
	upkeepClient, err := upkeep.NewClient(consoleHost, client)
	if err != nil {
		return err
	}
	shown := console.New(console.Options{
		Overview: seen, History: history.Live{Log: a.services.log, Names: a.services.names}, Peers: peers, Mailbox: seen.Sources.Mailbox,
		Queue: queueadmin.Client{Base: consoleHost, HTTP: client}, Upkeep: upkeepClient,
		Access: a.access, Changes: bool(c.Console.Changes), Name: a.identity.InternetAddress(), Version: telemetry.Version(),
		Logger: a.loggerFor("console"), Now: time.Now,
	})
	a.life.run(stageProjections, "console", func(ctx context.Context) error {
		defer remote.CloseIdleConnections()
		return shown.Run(ctx)
	})
	a.console.Fill(shown)
	return nil
}
