package gateway

import (
	"context"

	"awala.network/gateway/internal/config"
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
	guard, err := a.guard("cogrpc", cogrpcWait)
	if err != nil {
		return err
	}
	listener, err := a.guarded("cogrpc", guard, a.config.CogRPC.TLSCert, a.config.CogRPC.TLSKey)
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
		Logger: logger, Registerer: a.metrics, Entrance: a.entrance(), Guard: guard,
	})
	if err != nil {
		return err
	}
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		if err := server.Serve(listener); err != nil {
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
