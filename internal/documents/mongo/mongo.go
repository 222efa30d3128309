// Package mongo keeps projections (package documents) in MongoDB, for a gateway of
// several processes.
//
// A collection of projections is a MongoDB collection, its checkpoint a document in
// the collection "_checkpoints" of the same database. A document looks like this,
// so that operators can query it:
//
//	{_id: "id", pos: 42, rank: 42, key_owner: "alice", expires: ISODate(), body: {...}}
//
// Body is a native document: integers are 64-bit integers, other numbers doubles.
// Keys are fields of the first level because FerretDB v1 hands filters on deeper
// ones not to its database but reads the whole collection.
//
// Every write waits for the journals of a majority, which makes each of them as
// durable as package documents wants a checkpoint to be. No transaction is used:
// a document is guarded by its position in the very filter of its replacement, so
// MongoDB decides atomically, whoever else writes.
//
// FerretDB v1, which our tests run on, differs. It reads and writes in two steps and
// does lose that race; it keeps a connection of its pool of 50 for every replacement
// in a message, so that a long message blocks itself; it stops an unordered bulk
// write at the first duplicate key. For it, and for it alone, a Database makes one
// write at a time, and small ones; and only one process may write at a time, which the
// lease of projections workers sees to.
package mongo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"awala.network/gateway/internal/documents"
)

const (
	// operationTimeout bounds a call whose context has no deadline of its own.
	operationTimeout = 30 * time.Second

	// checkpoints is a name that no collection of documents can have.
	checkpoints = "_checkpoints"

	// batch and batchFerretDB are how many documents one bulk write holds, batchLen
	// how many octets of their bodies as JSON.
	batch         = 500
	batchFerretDB = 20
	batchLen      = 4 << 20
)

// Options say where the database is.
type Options struct {
	// URI is a MongoDB connection string, with credentials if need be.
	URI string

	// Database is the name of a database that holds nothing but projections.
	Database string

	// Logger gets what operators should know about the server; nil discards it.
	Logger *slog.Logger
}

// Database is a documents.Database in a database of a MongoDB server. It is safe
// for concurrent use.
type Database struct {
	client   *mongo.Client
	database *mongo.Database
	logger   *slog.Logger

	// turn serialises writes if the server's guarded replacements are not atomic.
	turn turn

	// noTTL tells once that the server expires nothing by itself.
	noTTL sync.Once

	// batch is how many documents one bulk write holds.
	batch int

	// scans tells that the server goes through all of a collection for a list of ids.
	scans bool
}

// Open connects to the server and returns once it answered.
func Open(ctx context.Context, o Options) (*Database, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	journaled := true
	client, err := mongo.Connect(options.Client().ApplyURI(o.URI).SetAppName("awala-gateway").
		SetTimeout(operationTimeout).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journaled}))
	if err != nil {
		return nil, fmt.Errorf("mongo: connect: %w", err)
	}
	d := &Database{client: client, database: client.Database(o.Database), logger: o.Logger, batch: batch}
	if err := d.inspect(ctx); err != nil {
		return nil, fmt.Errorf("mongo: connect: %w", joinClose(ctx, client, err))
	}
	return d, nil
}

// inspect asks the server what it is.
func (d *Database) inspect(ctx context.Context) error {
	build, err := d.database.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Raw()
	if err != nil {
		return err
	}
	if _, err := build.LookupErr("ferretdbVersion"); err == nil {
		d.turn, d.batch, d.scans = make(turn, 1), batchFerretDB, true
		d.logger.WarnContext(ctx, "the document store is FerretDB, which goes through whole collections: it is slow with thousands of parcels")
	}
	return nil
}

// Names implements documents.Database.
func (d *Database) Names(ctx context.Context) ([]string, error) {
	names, err := d.database.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return nil, fmt.Errorf("mongo: list collections: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, err := documents.CheckCollection(name, nil)
		return err != nil
	})
	slices.Sort(names)
	return names, nil
}

// Drop implements documents.Database.
func (d *Database) Drop(ctx context.Context, name string) error {
	if _, err := documents.CheckCollection(name, nil); err != nil {
		return err
	}
	if _, err := d.database.Collection(checkpoints).DeleteOne(ctx, bson.D{{Key: "_id", Value: name}}); err != nil {
		return fmt.Errorf("mongo: drop checkpoint of %s: %w", name, err)
	}
	if err := d.database.Collection(name).Drop(ctx); err != nil {
		return fmt.Errorf("mongo: drop collection %s: %w", name, err)
	}
	return nil
}

// Close implements documents.Database.
func (d *Database) Close(ctx context.Context) error {
	if err := d.client.Disconnect(ctx); err != nil {
		return fmt.Errorf("mongo: disconnect: %w", err)
	}
	return nil
}

// joinClose disconnects after err and returns both errors.
func joinClose(ctx context.Context, client *mongo.Client, err error) error {
	if closing := client.Disconnect(context.WithoutCancel(ctx)); closing != nil {
		return fmt.Errorf("%w (and disconnect: %w)", err, closing)
	}
	return err
}

// turn is held by the one writer of a database. A nil turn is always free.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() {
	if t != nil {
		<-t
	}
}
