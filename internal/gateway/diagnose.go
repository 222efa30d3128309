package gateway

import (
	"context"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/doctor"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore"
	"awala.network/gateway/internal/keystore/sealed"
	"awala.network/gateway/internal/keystore/vault"
)

// Diagnose examines what a gateway of the kind rests on, whether it runs or not: see
// package doctor. Without skipDNS it looks up the Internet address too.
func Diagnose(ctx context.Context, o Options, skipDNS bool) (doctor.Report, error) {
	remote := o.Kind.check != nil
	roots, err := rootsWith("--pdc-ca-file", string(o.Config.PDC.CAFile))
	if err != nil {
		roots = nil // the examination says so
	}
	c := &doctor.Case{
		Config: o.Config, SkipDNS: skipDNS, Now: time.Now, Logger: o.Logger,
		Streams: o.Config.History.Streams(), Consumers: durableConsumers(), Lifecycle: bucketLifecycle(),
		Connect: func(system bool) (*nats.Conn, error) { return connect.NATS(o.Config.NATS, "doctor", system) },
		Lookup:  newResolver(o.Config.PDC.Discovery, roots),
		History: func(ctx context.Context) (*jetstream.Log, func(context.Context) error, error) {
			return OpenHistory(ctx, o, false)
		},
	}
	c.Keys = func(context.Context) (*keystore.Keys, func() error, error) { return openKeysForDoctor(c) }
	for _, m := range readModels() {
		c.Collections = append(c.Collections, doctor.Collection{Prefix: m.Name, Indexes: m.Indexes})
	}
	if !remote {
		if c.DataDir = string(o.Config.Standalone.DataDir); c.DataDir == "" {
			if c.DataDir, err = defaultDataDir(); err != nil {
				return doctor.Report{}, err
			}
		}
	}
	return doctor.Examine(ctx, c), nil
}

// openKeysForDoctor opens the key store: in the data folder, if there is one.
func openKeysForDoctor(c *doctor.Case) (*keystore.Keys, func() error, error) {
	if c.DataDir == "" {
		secrets, err := vault.New(connect.Vault(c.Config.Vault))
		if err != nil {
			return nil, nil, err
		}
		return keystore.New(secrets), secrets.Close, nil
	}
	var o sealed.Options
	if passphrase := c.Config.Standalone.KeysPassphrase.Reveal(); passphrase != "" {
		o.Passphrase = []byte(passphrase)
	}
	store, err := sealed.Open(filepath.Join(c.DataDir, "keys"), o)
	if err != nil {
		return nil, nil, err
	}
	return keystore.New(store), store.Close, nil
}
