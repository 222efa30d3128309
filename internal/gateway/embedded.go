package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/events"
	"awala.network/gateway/internal/blobs"
	"awala.network/gateway/internal/blobs/files"
	"awala.network/gateway/internal/claims"
	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/sqlite"
	"awala.network/gateway/internal/jetstream"
	"awala.network/gateway/internal/jetstream/embedded"
	"awala.network/gateway/internal/names"
)

// openEmbedded opens every backing service inside this process, on the data
// folder. What it returns beside an error must still be closed.
func openEmbedded(ctx context.Context, a *assembly) (*services, error) {
	s := &services{claims: new(claims.Local)} // no other process has the folder
	dir, err := s.lockDataDir(a)
	if err != nil {
		return nil, err
	}
	for _, open := range []func(context.Context, *assembly, *dataDir) error{
		s.openKeyFiles, s.openBlobFiles, s.openSQLite, s.openEmbeddedHistory,
	} {
		if err := open(ctx, a, dir); err != nil {
			return s, dir.blamed(err)
		}
	}
	return s, nil
}

// lockDataDir opens the data folder, which no other process may use from then on.
func (s *services) lockDataDir(a *assembly) (*dataDir, error) {
	path := string(a.config.Standalone.DataDir)
	if path == "" {
		var err error
		if path, err = defaultDataDir(); err != nil {
			return nil, err
		}
	}
	dir, err := openDataDir(path)
	if err != nil {
		return nil, err
	}
	a.dataDir = path
	s.opened("data folder", func(context.Context) error { return dir.close() })
	return dir, nil
}

// blobsTogether is up to what size blobs share a file, in octets. That saves most of
// their cost in CPU and time (`go test -bench Put ./internal/blobs/files`); larger ones
// would be written twice for less and less gain.
const blobsTogether = 64 << 10

func (s *services) openBlobFiles(_ context.Context, a *assembly, dir *dataDir) error {
	store, err := files.Open(filepath.Join(dir.path, "blobs"), files.Options{
		MaxBytes:     int64(a.config.Standalone.StorageLimit),
		MinFreeBytes: uint64(a.config.Standalone.StorageReserve),
		Together:     blobsTogether,
	})
	if err != nil {
		return err
	}
	s.blobs = a.measured.Blobs(store)
	s.opened("blobs", func(context.Context) error { return store.Close() })
	s.checks = append(s.checks, namedCheck{"blobs", checkBlobs(store)})
	return nil
}

func (s *services) openSQLite(ctx context.Context, a *assembly, dir *dataDir) error {
	folder, err := dir.sub("documents")
	if err != nil {
		return err
	}
	database, err := sqlite.Open(ctx, filepath.Join(folder, "projections.sqlite"))
	if err != nil {
		return err
	}
	s.useDocuments(a.measured.Documents(database))
	return nil
}

// useDocuments takes the store of projections.
func (s *services) useDocuments(database documents.Database) {
	s.documents = database
	s.opened("documents", database.Close)
	s.checks = append(s.checks, namedCheck{"documents", func(ctx context.Context) error {
		_, err := database.Names(ctx)
		return err
	}})
}

func (s *services) openEmbeddedHistory(ctx context.Context, a *assembly, dir *dataDir) error {
	folder, err := dir.sub("history")
	if err != nil {
		return err
	}
	server, err := embedded.Start(folder, embedded.Options{Logger: a.loggerFor("history")})
	if err != nil {
		return err
	}
	s.opened("history", closing(server.Close))
	s.watch = server.Watch
	conn, err := server.Conn(nats.Name("awala-gateway " + a.kind.Name))
	if err != nil {
		return err
	}
	s.opened("connection to the history", closing(conn.Close))
	return s.openHistory(ctx, a, conn, jetstream.Options{
		Sync: server.SyncAlways, Logger: a.loggerFor("history"), Appended: a.measured.Appended,
	})
}

// openHistory opens the event log over a connection and makes its streams.
func (s *services) openHistory(ctx context.Context, a *assembly, conn *nats.Conn, o jetstream.Options) error {
	if s.names != nil { // else nobody is to know what messages mean
		o.Names = s.names
	}
	log, err := jetstream.Open(ctx, conn, o)
	if err != nil {
		return err
	}
	if s.names != nil {
		s.names.Follow(func(ctx context.Context) (uint64, error) {
			return log.LastSequence(ctx, events.StreamGateway, events.ForgettingChannel)
		}, min(names.Lease, a.fence/2), log.Renew)
	}
	s.opened("event log", closing(log.Close))
	s.log = log
	s.checks = append(s.checks, namedCheck{"history", func(ctx context.Context) error {
		_, err := log.LastSequence(ctx, events.StreamGateway, events.IdentityChannel)
		return err
	}})
	return log.Provision(ctx, a.config.History.Streams())
}

// checkBlobs asks for an object that is not there, which takes an answer from
// the store.
func checkBlobs(store blobs.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := store.Stat(ctx, "readiness")
		if errors.Is(err, blobs.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask for an object: %w", err)
		}
		return nil
	}
}
