package mongo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Server is what a MongoDB server says of itself.
type Server struct {
	// Version is the server's version, and FerretDB that of FerretDB if it is that;
	// else "".
	Version, FerretDB string
	// ReplicaSet is the name of its replica set; "" for a server on its own.
	ReplicaSet string
	// Time is its clock when it answered; zero if it did not say.
	Time time.Time
}

// Server asks the server what it is.
func (d *Database) Server(ctx context.Context) (Server, error) {
	build, err := d.database.RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Raw()
	if err != nil {
		return Server{}, fmt.Errorf("mongo: ask the server: %w", err)
	}
	hello, err := d.database.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Raw()
	if err != nil {
		return Server{}, fmt.Errorf("mongo: ask the server: %w", err)
	}
	var s Server
	s.Version, _ = build.Lookup("version").StringValueOK()
	s.FerretDB, _ = build.Lookup("ferretdbVersion").StringValueOK()
	s.ReplicaSet, _ = hello.Lookup("setName").StringValueOK()
	if at, ok := hello.Lookup("localTime").TimeOK(); ok {
		s.Time = at
	}
	return s, nil
}

// MissingIndexes returns those indexes of a collection, named as for Collection,
// that are not there, and "expires" if that of the expiry is not.
func (d *Database) MissingIndexes(ctx context.Context, name string, indexes []string) ([]string, error) {
	there, err := d.database.Collection(name).Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, fmt.Errorf("mongo: list indexes of %s: %w", name, err)
	}
	wanted := []string{"expires"}
	for _, key := range indexes {
		wanted = append(wanted, "key_"+key)
	}
	for _, index := range there {
		wanted = slices.DeleteFunc(wanted, func(w string) bool { return w == index.Name })
	}
	return wanted, nil
}
