package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/handlers"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/pohttp/postman"
	"awala.network/gateway/internal/queueadmin"
	"awala.network/gateway/internal/resolver"
	"awala.network/gateway/internal/telemetry"
	"awala.network/gateway/projections"
	"awala.network/gateway/workers"
	"awala.network/gateway/workers/delivery"
)

// forgetInterval is how often the queue forgets what the projections know.
const forgetInterval = time.Minute

// deliveryRole delivers parcels to other Internet nodes.
func deliveryRole() role { return role{name: "delivery", start: startDelivery} }

func startDelivery(ctx context.Context, a *assembly) error {
	client, err := a.newPostman()
	if err != nil {
		return err
	}
	a.life.started(stageServices, "pohttp client", closing(client.Close))
	reader, err := a.deliveryReader(ctx)
	if err != nil {
		return err
	}
	logger := a.loggerFor("delivery")
	policy := a.retryPolicy()
	owner, attend := a.deliveryMembers()
	queue := delivery.NewQueue(policy, delivery.Limits{
		Total:          int(a.config.Delivery.Concurrency),
		PerDestination: int(a.config.Delivery.DestinationConcurrency),
	}, owner)
	metrics, err := delivery.NewMetrics(a.metrics, queue, time.Now)
	if err != nil {
		return err
	}
	runner := &delivery.Runner{
		Queue: queue, Metrics: metrics, Tracer: a.tracer(), Logger: logger, Now: time.Now, Drain: drain,
		Handler: &handlers.DeliverParcel{
			Blobs: a.services.blobs, Postman: client, Log: a.services.log, Retry: policy, Logger: logger, Arrivals: a.measured, Now: time.Now,
		},
	}
	follower := &delivery.Follower{
		Queue: queue, Store: reader, Parker: workers.NewParker(a.services.log), Blobs: a.services.blobs,
		Logger: logger, Now: time.Now,
	}
	operate := &handlers.OperateQueue{Log: a.services.log, Now: time.Now}
	a.upkeep.replays.Add(events.StreamInternetParcels, delivery.Consumer,
		(&handlers.HastenInternetParcel{Deliveries: reader, Queue: operate}).Handle)
	a.queue.Fill((&queueadmin.Handler{
		Queue: queue, Operator: operate, Ended: reader,
		Logger: a.loggerFor("queue"), Now: time.Now,
	}).Routes())
	return a.runDelivery(ctx, runner, follower, func(ctx context.Context) error {
		return attend(ctx, func() { queue.Rebalance(time.Now()) })
	})
}

// deliveryMembers returns who owns which destinations, and what keeps that up to
// date and reports changes until its context ends.
func (a *assembly) deliveryMembers() (delivery.Owner, func(ctx context.Context, changed func()) error) {
	if a.dataDir != "" { // nobody else has the data
		return delivery.Sole{}, func(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }
	}
	members := a.services.log.Members("delivery", 0)
	return members, members.Run
}

// runDelivery runs the parts of the role until it is stopped.
func (a *assembly) runDelivery(
	ctx context.Context, runner *delivery.Runner, follower *delivery.Follower, attend workers.Runner,
) error {
	router, err := a.newRouter("delivery")
	if err != nil {
		return err
	}
	subscriber := a.services.log.BatchSubscriber(jetstream.BatchConfig{From: follower.Load})
	router.HandleBatches("delivery schedule", events.StreamInternetParcels, subscriber, follower.Handle)
	forget := workers.Ticker{Name: "forget ended deliveries", Interval: forgetInterval, Do: follower.Forget, Logger: runner.Logger}
	a.life.run(stageWorkers, "delivery", func(ctx context.Context) error {
		return workers.Run(ctx, router.Run, runner.Run, forget.Run, attend)
	})
	return a.await(ctx, router.Running())
}

// deliveryReader reads the projections of deliveries.
func (a *assembly) deliveryReader(ctx context.Context) (projections.DeliveryReader, error) {
	deliveries, err := projections.Open(ctx, a.services.documents, projections.Deliveries{})
	if err != nil {
		return projections.DeliveryReader{}, err
	}
	destinations, err := projections.Open(ctx, a.services.documents, projections.Destinations{})
	if err != nil {
		return projections.DeliveryReader{}, err
	}
	return projections.NewDeliveryReader(deliveries, destinations), nil
}

func (a *assembly) retryPolicy() handlers.RetryPolicy {
	c := a.config.Delivery
	return handlers.RetryPolicy{
		Initial: time.Duration(c.RetryInitial), Max: time.Duration(c.RetryMax), Horizon: time.Duration(c.Horizon),
		Random: rand.Float64,
	}
}

// newPostman returns the PoHTTP client that the settings describe.
func (a *assembly) newPostman() (*postman.Client, error) {
	c := a.config.PDC
	lookup, roots, err := NewLookup(c.Discovery)
	if err != nil {
		return nil, err
	}
	return postman.New(postman.Options{
		Lookup:       resolver.NewCache(lookup, 0, nil),
		Overrides:    c.Overrides.List(),
		AllowPrivate: bool(c.AllowPrivate),
		AllowHTTP:    bool(c.AllowHTTP),
		Roots:        roots,
		SendTrace:    bool(a.config.Tracing.ToNodes),
		UserAgent:    "awala-gateway/" + telemetry.Version(),
	}), nil
}

// NewLookup returns the resolver that the settings name, and the authorities to trust;
// nil means the system's.
func NewLookup(c config.Discovery) (*resolver.Resolver, *x509.CertPool, error) {
	roots, err := rootsWith("--pdc-ca-file", string(c.CAFile))
	return newResolver(c, roots), roots, err
}

func newResolver(c config.Discovery, roots *x509.CertPool) *resolver.Resolver {
	if c.Resolver != "" {
		return resolver.New(resolver.NewPlain(string(c.Resolver)))
	}
	return resolver.New(resolver.NewDoH(string(c.DoHURL), &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			ForceAttemptHTTP2: true,
			IdleConnTimeout:   90 * time.Second,
		},
	}))
}

// rootsWith returns the system's authorities and those of a PEM file; nil, which
// means the system's, if there is no file. flag named it.
func rootsWith(flag, path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in %s", flag, path)
	}
	return roots, nil
}
