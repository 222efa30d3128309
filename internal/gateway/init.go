package gateway

import (
	"context"
	"errors"
	"fmt"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/projections"
)

// Parcels and cargoes live 180 days at most (RS-001); what is left of them later is
// of no use to anybody. The doctor's objects live for moments.
const (
	leftoverDays = 183
	probeDays    = 1
)

// bucketLifecycle are the rules that a bucket needs. Evidence of the history, which
// is in the bucket too, is kept for ever.
func bucketLifecycle() []s3.Rule {
	return []s3.Rule{
		{Prefix: "parcels/", Days: leftoverDays},
		{Prefix: "cargoes/", Days: leftoverDays},
		{Prefix: "doctor/", Days: probeDays},
	}
}

// durableConsumers are the consumers that workers share, of all roles.
func durableConsumers() []jetstream.ConsumerSpec { return append(blobConsumers(), cargoConsumer()) }

// readModel is a projection without its type.
type readModel struct {
	projections.Spec
	totals bool
	open   func(context.Context, documents.Database) (documents.Collection, error)
}

func model[S any](p projections.Projection[S]) readModel {
	_, totals := any(p).(projections.Totals)
	return readModel{p.Spec(), totals, func(ctx context.Context, db documents.Database) (documents.Collection, error) {
		return projections.Open(ctx, db, p)
	}}
}

// readModels are all projections that keepProjections keeps.
func readModels() []readModel {
	models := []readModel{
		model(projections.Mailbox{}), model(projections.Peers{}), model(projections.Deliveries{}),
		model(projections.Destinations{}), model(projections.ParkedMessages{}),
	}
	for _, s := range events.Streams() {
		models = append(models, model(projections.Totals{Stream: s.Name}))
	}
	return models
}

// Init makes what a gateway needs before its roles start, and what is there it
// leaves: streams and consumers, the bucket with its lifecycle, the collections with
// their indexes, the identity with its keys and first certificate. It waits for
// services until ctx ends, and calls done after each step with what was done.
//
// It can be run again at any time, also while the gateway runs (unless standalone),
// and after an upgrade: it adds what a newer version needs.
func Init(ctx context.Context, o Options, done func(string)) (err error) {
	a := newAssembly(o)
	if o.Kind.check != nil { // the bucket must be there before the services are opened
		if err := a.initBucket(ctx, done); err != nil {
			return err
		}
	}
	s, err := o.Kind.open(ctx, a)
	if s != nil {
		defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return err
	}
	a.services = s
	done(fmt.Sprintf("streams: %d", len(events.Streams())))
	provision := func() error { return s.log.ProvisionConsumers(ctx, durableConsumers()) }
	if err := a.retry(ctx, "history", provision); err != nil {
		return err
	}
	done(fmt.Sprintf("consumers: %d", len(durableConsumers())))
	for _, m := range readModels() {
		if _, err := m.open(ctx, s.documents); err != nil {
			return err
		}
	}
	done(fmt.Sprintf("projections with their indexes: %d", len(readModels())))
	return a.initIdentity(ctx, done)
}

// initBucket makes the bucket and its lifecycle.
func (a *assembly) initBucket(ctx context.Context, done func(string)) error {
	store, err := newS3(a)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if err := a.retry(ctx, "blobs", func() error { return store.EnsureBucket(ctx) }); err != nil {
		return err
	}
	done("bucket: " + string(a.config.ObjectStore.Bucket))
	switch err := store.InstallLifecycle(ctx, bucketLifecycle()); {
	case errors.Is(err, s3.ErrLifecycleUnsupported):
		done("bucket lifecycle: the object store has none; housekeeping removes what has expired")
	case err != nil:
		return err
	default:
		done(fmt.Sprintf("bucket lifecycle: %d rules", len(bucketLifecycle())))
	}
	return nil
}

// initIdentity makes the identity.
func (a *assembly) initIdentity(ctx context.Context, done func(string)) error {
	if err := a.ensureIdentity(ctx); err != nil {
		return err
	}
	done(fmt.Sprintf("identity: %s, node id %s, certificate until %s", a.identity.InternetAddress(), a.identity.NodeID(),
		a.identity.Certificate().NotAfter().UTC().Format("2006-01-02")))
	return nil
}

// newS3 returns the object store that the settings name, without asking it anything.
func newS3(a *assembly) (*s3.Store, error) {
	options, err := connect.ObjectStore(a.config.ObjectStore)
	if err != nil {
		return nil, fault.Permanent(err)
	}
	store, err := s3.New(options)
	if err != nil {
		return nil, fault.Permanent(err)
	}
	return store, nil
}
