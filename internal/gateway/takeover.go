package gateway

import (
	"context"
	"errors"
	"net/url"
	"time"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/identity"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore/vault"
	"awala.network/gateway/internal/takeover"
	"awala.network/gateway/internal/takeover/formermongo"
	"awala.network/gateway/internal/takeover/formers3"
	"awala.network/gateway/internal/takeover/formerstan"
)

// TakeoverCall is what to do with a takeover, such as [takeover.Takeover.Verify].
type TakeoverCall func(context.Context, *takeover.Takeover) (takeover.Account, error)

// Takeover opens the deployment of another gateway, which the settings name, and the
// backing services of this one, and does what call says. With dry, it does not even
// look at the latter.
func Takeover(ctx context.Context, o Options, dry bool, progress func(takeover.Progress), call TakeoverCall) (account takeover.Account, err error) {
	a := newAssembly(o)
	s := new(services) // of the other gateway
	defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx))) }()
	source, err := s.openFormer(o.Config.Takeover)
	if err != nil {
		return takeover.Account{}, err
	}
	t := &takeover.Takeover{
		Source: source, Address: identity.NormalizeAddress(string(o.Config.Gateway.InternetAddress)),
		Bucket:  string(o.Config.Takeover.S3) + "/" + string(o.Config.Takeover.Bucket),
		Cluster: string(o.Config.Takeover.Cluster), Progress: progress, Logger: o.Logger, Now: time.Now,
	}
	if dry {
		return call(ctx, t)
	}
	if o.Kind.check != nil { // the bucket must be there before the services are opened
		if err := a.initBucket(ctx, func(string) {}); err != nil {
			return takeover.Account{}, err
		}
	}
	into, err := o.Kind.open(ctx, a)
	if into != nil {
		defer func() { err = errors.Join(err, into.close(context.WithoutCancel(ctx))) }()
	}
	if err != nil {
		return takeover.Account{}, err
	}
	t.Target = &takeover.Target{Secrets: into.secrets, Blobs: into.blobs, History: takeoverHistory{into.log}}
	return call(ctx, t)
}

// openFormer opens the stores of the other gateway, without asking them anything.
func (s *services) openFormer(c config.Takeover) (takeover.Source, error) {
	endpoint, err := url.Parse(string(c.S3))
	if err != nil {
		return takeover.Source{}, fault.Permanent(err)
	}
	records, err := formermongo.Open(c.Mongo.Reveal(), string(c.MongoDatabase))
	if err != nil {
		return takeover.Source{}, fault.Permanent(err)
	}
	s.opened("the other gateway's MongoDB", records.Close)
	roots, err := rootsWith("--from-tls-ca", string(c.TLSCA))
	if err != nil {
		return takeover.Source{}, fault.Permanent(err)
	}
	keys, err := vault.New(vault.Options{
		Address: string(c.Vault), Mount: string(c.VaultMount), CAFile: string(c.TLSCA),
		Token: func() (string, error) { return c.VaultToken.Reveal(), nil },
	})
	if err != nil {
		return takeover.Source{}, fault.Permanent(err)
	}
	s.opened("the other gateway's Vault", func(context.Context) error { return keys.Close() })
	objects, err := formers3.Open(formers3.Options{
		Endpoint: endpoint.Host, Insecure: endpoint.Scheme == "http",
		AccessKey: string(c.AccessKey), SecretKey: c.SecretKey.Reveal(), Bucket: string(c.Bucket), Roots: roots,
	})
	if err != nil {
		return takeover.Source{}, fault.Permanent(err)
	}
	s.opened("the other gateway's object store", closing(objects.Close))
	queues := formerstan.New(formerstan.Options{
		URL: c.Stan.Reveal(), ClusterID: string(c.Cluster), Monitors: c.StanMonitor.List(), Roots: roots,
	})
	s.opened("the other gateway's queues", func(context.Context) error { return queues.Close() })
	return takeover.Source{Records: records, Keys: keys, Objects: objects, Queues: queues}, nil
}

// takeoverHistory is a takeover.History on JetStream.
type takeoverHistory struct{ *jetstream.Log }

// historyPage is how many records are read at a time.
const historyPage = 500

// Records implements takeover.History.
func (h takeoverHistory) Records(ctx context.Context, stream string, yield func(events.Record) error) error {
	state, err := h.State(ctx, stream)
	if err != nil || state.Messages == 0 {
		return err
	}
	reader := h.Reader(stream, 1)
	defer reader.Close(ctx)
	for {
		batch, err := reader.Read(ctx, historyPage)
		if err != nil {
			return err
		}
		for _, r := range batch.Records {
			if err := yield(r); err != nil {
				return err
			}
		}
		if batch.CaughtUp {
			return nil
		}
	}
}
