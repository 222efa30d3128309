package gateway

import (
	"context"
	"crypto/tls"
	"errors"

	"awala.network/gateway/internal/certfiles"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/servers/cogrpc"
)

// cogrpcRole is the server that couriers exchange cargo with.
func cogrpcRole() role {
	return role{
		name:   "cogrpc",
		listen: func(c *config.Config) config.Listen { return c.CogRPC.Listen },
		start:  startCogRPC,
	}
}

func startCogRPC(_ context.Context, a *assembly) error {
	logger := a.loggerFor("cogrpc")
	tlsConfig, err := cogrpcTLS(a)
	if err != nil {
		return err
	}
	undeliverable := newPassedOver(a.usecases.park, logger)
	a.life.run(stageWorkers, "parking of parcels for couriers", undeliverable.run)
	collect := *a.usecases.collectCargo
	collect.Reporter = undeliverable
	server, err := cogrpc.New(cogrpc.Config{
		Receiver: a.usecases.receiveCargo, Collector: &collect,
		Ready:  func(ctx context.Context) bool { return a.readiness.Report(ctx).Ready },
		Logger: logger, Registerer: a.metrics, Entrance: a.entrance(), TLS: tlsConfig,
	})
	if err != nil {
		return err
	}
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		if err := server.Serve(a.listeners["cogrpc"]); err != nil {
			a.life.fail("cogrpc", err)
		}
	}()
	a.life.started(stageServers, "cogrpc", func(ctx context.Context) error {
		server.Stop(ctx)
		<-serving
		return nil
	})
	return nil
}

// cogrpcTLS returns the server's TLS configuration, or nil without one.
func cogrpcTLS(a *assembly) (*tls.Config, error) {
	c := a.config.CogRPC
	switch {
	case c.TLSCert == "" && c.TLSKey == "":
		return nil, nil
	case c.TLSCert == "" || c.TLSKey == "":
		return nil, fault.Permanent(errors.New("--cogrpc-tls-cert and --cogrpc-tls-key go together"))
	default:
		return certfiles.Server(string(c.TLSCert), string(c.TLSKey), a.loggerFor("cogrpc"))
	}
}
