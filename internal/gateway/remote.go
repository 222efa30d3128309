package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"awala.network/gateway/internal/connect"
	"awala.network/gateway/internal/documents/mongo"
	"awala.network/gateway/internal/fault"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/keystore/vault"
)

// How long the start waits between two tries to reach a service.
const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// claimLife is how long the claims of a process that died are respected: couriers come
// back with an authorisation whose collection broke off, and another worker is to fold
// the history.
const claimLife = 6 * time.Second

// openRemote connects to the backing services that the configuration names. One
// that is not there yet is waited for, so that services and roles can be started
// in any order; /readyz says what is missing. What it returns beside an error
// must still be closed.
func openRemote(ctx context.Context, a *assembly) (*services, error) {
	s := new(services)
	for _, service := range []struct {
		name string
		open func(context.Context, *assembly) error
	}{
		{"keys", s.openVault}, {"blobs", s.openS3}, {"documents", s.openMongoDB}, {"history", s.openNATS},
	} {
		if err := a.retry(ctx, service.name, func() error { return service.open(ctx, a) }); err != nil {
			return s, err
		}
	}
	return s, nil
}

// retry opens a service until it succeeds, the error is final, or ctx ends.
func (a *assembly) retry(ctx context.Context, name string, open func() error) error {
	waiting := backoff.NewExponentialBackOff()
	waiting.InitialInterval, waiting.MaxInterval = firstRetry, lastRetry
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := open()
		if fault.IsFatal(err) || fault.IsPermanent(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(waiting), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		a.readiness.Require(name, func(context.Context) error { return err })
		a.logger.LogAttrs(ctx, slog.LevelWarn, "backing service not available, trying again",
			slog.String("service", name), slog.Duration("wait", wait), slog.Any("error", err))
	}))
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	return nil
}

func (s *services) openVault(ctx context.Context, a *assembly) error {
	options := connect.Vault(a.config.Vault)
	options.Logger = a.loggerFor("keys")
	secrets, err := vault.New(options)
	if err != nil {
		return fault.Permanent(err)
	}
	if err := checkKeys(secrets)(ctx); err != nil {
		_ = secrets.Close()
		return err
	}
	s.opened("keys", func(context.Context) error { return secrets.Close() })
	s.runs("token for Vault", secrets.Run)
	s.useKeys(a.measured.Secrets(secrets))
	return nil
}

func (s *services) openS3(ctx context.Context, a *assembly) error {
	store, err := newS3(a)
	if err != nil {
		return err
	}
	if err := checkBlobs(store)(ctx); err != nil {
		_ = store.Close()
		return err
	}
	s.blobs = a.measured.Blobs(store)
	s.opened("blobs", func(context.Context) error { return store.Close() })
	s.checks = append(s.checks, namedCheck{"blobs", checkBlobs(store)})
	return nil
}

func (s *services) openMongoDB(ctx context.Context, a *assembly) error {
	database, err := mongo.Open(ctx, mongo.Options{
		URI: a.config.MongoDB.URI.Reveal(), Database: string(a.config.MongoDB.Database), Logger: a.loggerFor("documents"),
	})
	if err != nil {
		return err
	}
	s.useDocuments(a.measured.Documents(database))
	return nil
}

func (s *services) openNATS(ctx context.Context, a *assembly) error {
	c := a.config.NATS
	conn, err := connect.NATS(c, a.kind.Name, false)
	if err != nil {
		return err
	}
	check := jetstream.DeclaredSync()
	if !c.AssumeSync {
		system, err := connect.NATS(c, a.kind.Name+" start", true)
		if err != nil {
			conn.Close()
			return fmt.Errorf("system account: %w", err)
		}
		defer system.Close()
		check = jetstream.SystemSync(system, len(strings.Split(string(c.URLs), ",")))
	}
	opening := &services{names: s.names} // closed as a whole if a later step fails
	opening.opened("connection to the history", closing(conn.Close))
	o := jetstream.Options{Sync: check, Replicas: int(c.Replicas), Logger: a.loggerFor("history"), Appended: a.measured.Appended}
	if err := opening.openHistory(ctx, a, conn, o); err != nil {
		_ = opening.close(ctx)
		return err
	}
	s.log = opening.log
	if s.leases, err = opening.log.Claims(ctx, claimLife); err != nil {
		_ = opening.close(ctx)
		return err
	}
	s.claims = s.leases
	s.closers = append(s.closers, opening.closers...)
	s.checks = append(s.checks, opening.checks...)
	return nil
}
