package gateway

import (
	"context"
	"log/slog"

	"awala.network/gateway/internal/config"
	"awala.network/gateway/projections"
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
			server, err := poweb.New(poweb.Config{
				Identity:    a.identity,
				SessionKeys: a.services.keys,
				Log:         a.services.log,
				Acceptor:    a.usecases.accept,
				Blobs:       a.services.blobs,
				Mailboxes:   poweb.Projected(a.usecases.mailbox),
				Collector:   a.usecases.collect,
				Reporter:    undeliverableLog{logger},
				Logger:      logger,
				Registerer:  a.metrics,
			})
			if err != nil {
				return err
			}
			a.life.serveHTTP(stageServers, "poweb", a.listeners["poweb"], server, server.Drain)
			return nil
		},
	}
}

// undeliverableLog reports in the log the parcels that were passed over. They
// stay queued until they expire, which is an event.
type undeliverableLog struct{ logger *slog.Logger }

// Undeliverable implements poweb.Reporter.
func (u undeliverableLog) Undeliverable(ctx context.Context, parcel projections.Item, reason error) {
	u.logger.LogAttrs(ctx, slog.LevelError, "parcel passed over",
		slog.String("parcel_id", parcel.Key.ParcelID),
		slog.String("private_gateway_id", parcel.PrivateGatewayID),
		slog.String("event_id", parcel.AcceptedID),
		slog.Any("error", reason))
}
