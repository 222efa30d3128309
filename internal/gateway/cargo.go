package gateway

import (
	"runtime"
	"time"

	"golang.org/x/time/rate"

	"awala.network/gateway/handlers"
	"awala.network/gateway/projections"
)

// Anybody can send what is no cargo. So many of such refusals are recorded; more are
// only logged.
const (
	refusalsPerSecond = 1
	refusalsBurst     = 100
)

// openCargoUsecases builds the handlers of cargo, on those of parcels.
func (a *assembly) openCargoUsecases() {
	s, u, logger := a.services, a.usecases, a.loggerFor("cargo")
	sessions := &handlers.Sessions{Keys: s.keys, Log: s.log, Now: time.Now}
	u.receiveCargo = &handlers.ReceiveCargo{
		Identity: a.identity, Blobs: s.blobs, Log: s.log, Ended: u.delete, Logger: logger,
		Refusals: rate.NewLimiter(refusalsPerSecond, refusalsBurst), Now: time.Now,
	}
	u.unwrapCargo = &handlers.UnwrapCargo{
		Sessions: sessions, Blobs: s.blobs, Accept: u.accept, Collect: u.collect, Log: s.log,
		Logger: logger, Now: time.Now,
	}
	u.collectCargo = &handlers.CollectCargo{
		Identity: a.identity, Sessions: sessions, Parcels: u.mailbox,
		Due: projections.NewAcknowledgements(s.log, time.Now), Blobs: s.blobs, Log: s.log, Claims: s.claims,
		Building: make(chan struct{}, max(4, runtime.GOMAXPROCS(0))), Logger: logger, Now: time.Now,
	}
	u.forgetKeys = &handlers.ForgetSessionKeys{
		Identity: a.identity, Keys: s.keys, Log: s.log, Logger: logger, Now: time.Now,
	}
}
