package gateway

import (
	"context"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/servers/pohttp"
)

// pohttpRole is the server that other Internet nodes deliver parcels to.
func pohttpRole() role {
	return role{
		name:   "pohttp",
		listen: func(c *config.Config) config.Listen { return c.PoHTTP.Listen },
		start: func(_ context.Context, a *assembly) error {
			guard, err := a.guard("pohttp", pohttpWait)
			if err != nil {
				return err
			}
			listener, err := a.guarded("pohttp", guard, a.config.PoHTTP.TLSCert, a.config.PoHTTP.TLSKey)
			if err != nil {
				return err
			}
			handler, err := pohttp.New(pohttp.Config{
				Acceptor: a.usecases.accept, Logger: a.loggerFor("pohttp"), Registerer: a.metrics,
				Entrance: a.entrance(), Guard: guard,
			})
			if err != nil {
				return err
			}
			a.life.serveHTTP(stageServers, "pohttp", listener, handler, nil)
			return nil
		},
	}
}
