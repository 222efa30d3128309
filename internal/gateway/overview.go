package gateway

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"awala.network/gateway/internal/admin"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/overview"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers"
)

// How often the metrics of what waits are brought up to date, and for how long
// nobody must answer until all processes have.
const (
	consumersInterval = 15 * time.Second
	channelsInterval  = 30 * time.Second
	answersSilence    = 300 * time.Millisecond
)

// overviewParts are what shows the whole gateway.
type overviewParts struct {
	mount  admin.Mount
	gauges *overview.Gauges
}

// openOverview lets the admin server show the gateway, and this process be seen.
// Every process measures the consumers, so that their lag is seen when the workers
// are gone.
func (a *assembly) openOverview(ctx context.Context) error {
	sources := &overview.Sources{History: a.services.log, Consumers: durableConsumers(), Parked: a.upkeep.reader, Now: time.Now}
	var totals []documents.Collection
	open := make(map[string]documents.Collection)
	for _, m := range readModels() {
		c, err := m.open(ctx, a.services.documents)
		if err != nil {
			return err
		}
		open[m.Name] = c
		sources.Models = append(sources.Models, overview.Model{Name: strings.TrimSuffix(m.Name, "_v1"), Stream: m.Stream, Collection: c})
		if m.totals {
			totals = append(totals, c)
		}
	}
	sources.Totals = projections.NewTotalsReader(totals...)
	sources.Mailbox = projections.NewOpenParcels(open[projections.Mailbox{}.Spec().Name])
	sources.Deliveries = projections.NewDeliveryReader(
		open[projections.Deliveries{}.Spec().Name], open[projections.Destinations{}.Spec().Name])
	a.overview.gauges = overview.NewGauges(sources, a.metrics)
	seen := &overview.Server{Sources: sources, Own: a.describe, Ask: func(ctx context.Context) ([][]byte, error) {
		return a.services.log.Ask(ctx, overview.Processes, answersSilence)
	}}
	a.overview.mount.Fill(seen)
	stop, err := a.services.log.Answer(overview.Processes, a.self)
	if err != nil {
		return err
	}
	a.life.started(stageProjections, "presence", closing(stop))
	if err := a.openConsole(seen, projections.NewPeerReader(open[projections.Peers{}.Spec().Name])); err != nil {
		return err
	}
	a.registerOwnGauges()
	a.observe("consumers", consumersInterval, a.overview.gauges.Consumers)
	return nil
}

// observe keeps gauges up to date as long as the process runs.
func (a *assembly) observe(what string, interval time.Duration, do func(context.Context) error) {
	a.life.run(stageProjections, "metrics of "+what, workers.Ticker{
		Name: "measure " + what, Interval: interval, Do: do, Logger: a.loggerFor("metrics"),
	}.Run)
}

// registerOwnGauges registers what this process knows of itself.
func (a *assembly) registerOwnGauges() {
	a.metrics.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "awala_ready", Help: "1 if the process is ready, as /readyz says; 0 if not.",
		}, func() float64 {
			if a.readiness.Report(context.Background()).Ready {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "awala_own_certificate_expiry_timestamp_seconds", Help: "When the gateway's own certificate expires, in Unix time.",
		}, func() float64 { return float64(a.identity.Certificate().NotAfter().Unix()) }),
	)
}

// describe fills in what the identity knows.
func (a *assembly) describe(o *overview.Overview) {
	o.InternetAddress, o.NodeID = a.identity.InternetAddress(), a.identity.NodeID()
	o.CertificateExpiresAt = a.identity.Certificate().NotAfter().UTC()
}

// self is this process as others are told of it.
func (a *assembly) self() []byte {
	report := a.readiness.Report(context.Background())
	p := overview.Process{Kind: a.kind.Name, Version: telemetry.Version(), Ready: report.Ready}
	// Without a name the process is one of many.
	p.Host, _ = os.Hostname()
	for _, c := range report.Checks {
		if !c.OK {
			p.Problems = append(p.Problems, c.Name+": "+c.Problem)
		}
	}
	// A struct of these fields always marshals.
	body, _ := json.Marshal(p)
	return body
}
