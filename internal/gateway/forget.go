package gateway

import (
	"context"
	"log/slog"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/history"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/names"
	"awala.network/gateway/internal/upkeep"
)

// openForgetting lets operators have private gateways forgotten by this process, which
// keeps the projections.
func (a *assembly) openForgetting(served *upkeep.Projections) {
	s := a.services
	h := &handlers.ForgetGateway{
		Names: s.names, History: history.Naming{Log: s.log, Names: s.names}, Log: permitted{s.log}, Blobs: s.blobs,
		Identity: a.identity, Keys: s.keys, Fence: a.fence, Grace: dropGrace, Pause: pause,
		Logger: a.loggerFor("forget"), Now: time.Now,
	}
	if a.fence < names.Fence { // only tests are in such a hurry
		h.Grace = a.fence
	}
	for _, m := range served.Maintained {
		h.Models = append(h.Models, m)
	}
	a.upkeep.forgetting.Fill((&upkeep.Forgetting{Forgetter: h, Working: served}).Handler())
}

// followForgetting has every process learn at once of what is forgotten, so that it
// listens on new names as soon as there are any. Nothing depends on it but haste.
func (a *assembly) followForgetting(ctx context.Context) error {
	watch, err := a.services.log.Watch(ctx, events.ForgettingChannel)
	if err != nil {
		return err
	}
	a.life.run(stageProjections, "names", func(ctx context.Context) error {
		defer watch.Close()
		for {
			if _, err := watch.Next(ctx); err != nil {
				return nil // it is the end
			}
			if err := a.services.names.Check(ctx); err != nil && ctx.Err() == nil {
				a.logger.LogAttrs(ctx, slog.LevelWarn, "not known whether something was forgotten", slog.Any("error", err))
			}
		}
	})
	return nil
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// permitted records also what is of a private gateway that is being forgotten.
type permitted struct{ log *jetstream.Log }

// Append implements handlers.Appender.
func (p permitted) Append(ctx context.Context, e events.Event) (events.Position, error) {
	return p.log.Append(names.Permit(ctx), e)
}
