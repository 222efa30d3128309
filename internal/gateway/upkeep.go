package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/upkeep"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers"
)

// parkedInterval is how often parked messages are counted.
const parkedInterval = 15 * time.Second

// upkeepParts are what operators do to read models and parked messages.
type upkeepParts struct {
	projections, messages, forgetting admin.Mount
	// replays knows the handlers of this process.
	replays *workers.Replays
	reader  projections.ParkedReader
}

func (u *upkeepParts) mounts() []*admin.Mount {
	return []*admin.Mount{&u.projections, &u.messages, &u.forgetting}
}

// openParked lets operators see what is parked, and resolve what consumers of this
// process have parked.
func (a *assembly) openParked(ctx context.Context) error {
	parked, err := projections.Open(ctx, a.services.documents, projections.ParkedMessages{})
	if err != nil {
		return err
	}
	u := &a.upkeep
	u.reader = projections.NewParkedReader(parked)
	u.replays.Add(events.StreamGatewayParcels, handlers.CollectionConsumer, (&handlers.HastenGatewayParcel{
		Mailbox: a.usecases.mailbox, Blobs: a.services.blobs, Log: a.services.log, Now: time.Now,
	}).Handle)
	u.messages.Fill((&upkeep.Parked{
		Messages: u.reader, History: a.services.log,
		Resolver: &handlers.ResolveParked{
			Parked: u.reader, History: a.services.log, Replayer: u.replays, Log: a.services.log, Now: time.Now,
		},
	}).Handler())
	return nil
}

// countParked keeps the metric of what is parked.
func (a *assembly) countParked() workers.Runner {
	parked := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "awala_parked_messages", Help: "Messages that wait for an operator.",
	}, []string{"consumer"})
	a.metrics.MustRegister(parked)
	return workers.Ticker{
		Name: "count parked messages", Interval: parkedInterval, Logger: a.loggerFor("projections"),
		Do: func(ctx context.Context) error {
			counts := map[string]int{}
			err := a.upkeep.reader.In(ctx, projections.ParkedOpen, func(m projections.ParkedMessage) error {
				counts[m.Consumer]++
				return nil
			})
			if err != nil {
				return err
			}
			parked.Reset()
			for consumer, n := range counts {
				parked.WithLabelValues(consumer).Set(float64(n))
			}
			return nil
		},
	}.Run
}

// scratch makes an empty database beside the data, if there is a data folder, and
// returns how to remove it.
func (a *assembly) scratch(ctx context.Context) (documents.Database, func() error, error) {
	folder, err := os.MkdirTemp(a.dataDir, "scratch-")
	if err != nil {
		return nil, nil, fmt.Errorf("scratch database: %w", err)
	}
	database, err := sqlite.Open(ctx, filepath.Join(folder, "scratch.sqlite"))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	return database, func() error {
		return errors.Join(database.Close(context.WithoutCancel(ctx)), os.RemoveAll(folder))
	}, nil
}
