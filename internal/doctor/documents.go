package doctor

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/mongo"
)

// probeCollection is the doctor's own collection.
const probeCollection = "doctor_probe"

// openTimeout bounds the search for a server, for which the driver would take longer.
const openTimeout = 8 * time.Second

// examineDocuments looks at the database of the projections, and writes and removes
// a collection of its own.
func examineDocuments(ctx context.Context, c *Case, r *Report) {
	s := c.Config.MongoDB
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	database, err := mongo.Open(opening, mongo.Options{URI: s.URI.Reveal(), Database: string(s.Database)})
	if err != nil {
		r.problem("mongodb", "start MongoDB, and look at --mongodb-uri-file and the user's password", "MongoDB cannot be used: %v", withoutSecret(err, s.URI.Reveal()))
		return
	}
	defer func() { _ = database.Close(context.WithoutCancel(ctx)) }()
	server, err := database.Server(ctx)
	if err != nil {
		r.problem("mongodb", "look at MongoDB's own log", "%v", err)
		return
	}
	examineServer(server, r)
	if examineWrite(ctx, database, r) {
		examineIndexes(ctx, c, database, r)
	}
}

// withoutSecret removes a connection string from an error's text.
func withoutSecret(err error, uri string) string {
	return strings.ReplaceAll(err.Error(), uri, "(--mongodb-uri)")
}

func examineServer(server mongo.Server, r *Report) {
	switch {
	case server.FerretDB != "":
		r.warning("mongodb-server", "use MongoDB 6 or later", "the server is FerretDB %s, which goes through whole collections: it is slow with thousands of parcels", server.FerretDB)
	case server.ReplicaSet == "":
		r.warning("mongodb-server", "run MongoDB as a replica set of three", "MongoDB %s runs alone: projections are rebuilt if its disk is lost", server.Version)
	default:
		r.ok("mongodb-server", "MongoDB %s, replica set %s", server.Version, server.ReplicaSet)
	}
	if !server.Time.IsZero() {
		examineClock(r, "mongodb-clock", "MongoDB", time.Until(server.Time))
	}
}

// examineWrite tells whether documents can be written and removed.
func examineWrite(ctx context.Context, database *mongo.Database, r *Report) bool {
	const fix = "give the user the role readWrite on --mongodb-database, and room on the disk"
	collection, err := database.Collection(ctx, probeCollection, []string{"probe"})
	if err == nil {
		err = collection.Replace(ctx, []documents.Document{{
			ID: "probe", Position: 1, Rank: 1, Keys: map[string]string{"probe": "yes"}, Body: json.RawMessage(`{"probe":1}`),
		}})
	}
	if err == nil {
		_, err = collection.Get(ctx, "probe")
	}
	if err == nil {
		err = database.Drop(ctx, probeCollection)
	}
	if err != nil {
		r.problem("mongodb-write", fix, "documents cannot be written, read and removed: %v", err)
		return false
	}
	r.ok("mongodb-write", "documents can be written, read and removed")
	return true
}

// examineIndexes looks at the collections of every projection.
func examineIndexes(ctx context.Context, c *Case, database *mongo.Database, r *Report) {
	const init = "awala-gateway init --remote, or a restart of the projections worker"
	names, err := database.Names(ctx)
	if err != nil {
		r.problem("mongodb-collections", "give the user the role readWrite on --mongodb-database", "%v", err)
		return
	}
	good := true
	for _, want := range c.Collections {
		found := false
		for _, name := range names {
			if !strings.HasPrefix(name, want.Prefix+"_") {
				continue
			}
			found = true
			missing, err := database.MissingIndexes(ctx, name, want.Indexes)
			if err != nil || len(missing) > 0 {
				good = false
				r.problem("mongodb-indexes", init, "collection %s lacks indexes, so that it is read whole each time: %s", name, strings.Join(missing, ", "))
			}
		}
		if !found {
			good = false
			r.warning("mongodb-collections", init, "the projection %s is not there yet", want.Prefix)
		}
	}
	if good {
		r.ok("mongodb-indexes", "%d projections have their indexes", len(c.Collections))
	}
}
