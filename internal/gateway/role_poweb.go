package gateway

import (
	"context"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/servers/poweb"
)

// powebRole is the server at which private gateways register, deliver and
// collect.
func powebRole() role {
	return role{
		name:   "poweb",
		listen: func(c *config.Config) config.Listen { return c.PoWeb.Listen },
		start: func(_ context.Context, a *assembly) error {
			logger := a.loggerFor("poweb")
			guard, err := a.guard("poweb", powebWait)
			if err != nil {
				return err
			}
			listener, err := a.guarded("poweb", guard, a.config.PoWeb.TLSCert, a.config.PoWeb.TLSKey)
			if err != nil {
				return err
			}
			undeliverable := newPassedOver(a.usecases.park, logger)
			a.life.run(stageWorkers, "parking of parcels", undeliverable.run)
			server, err := poweb.New(poweb.Config{
				Identity:    a.identity,
				SessionKeys: a.services.keys,
				Log:         a.services.log,
				Acceptor:    a.usecases.accept,
				Blobs:       a.services.blobs,
				Mailboxes:   poweb.Projected(a.usecases.mailbox),
				Collector:   a.usecases.collect,
				Reporter:    undeliverable,
				Logger:      logger,
				Registerer:  a.metrics,
				Guard:       guard,
				Collections: int(a.config.Limits.GatewayCollections),

				DeliveryMemory: a.bodyMemory(),
				Entrance:       a.entrance(),
			})
			if err != nil {
				return err
			}
			a.life.serveHTTP(stageServers, "poweb", listener, server, server.Drain)
			return nil
		},
	}
}
