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
			handler, err := pohttp.New(pohttp.Config{
				Acceptor: a.usecases.accept, Logger: a.loggerFor("pohttp"), Registerer: a.metrics,
			})
			if err != nil {
				return err
			}
			a.life.serveHTTP(stageServers, "pohttp", a.listeners["pohttp"], handler, nil)
			return nil
		},
	}
}
