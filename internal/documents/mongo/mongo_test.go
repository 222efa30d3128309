package mongo_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"awala.network/gateway/internal/documents"
	"awala.network/gateway/internal/documents/documentstest"
	"awala.network/gateway/internal/documents/mongo"
	"awala.network/gateway/internal/servicestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serverURI is that of a real server, which speaks TLS.
func serverURI(t testing.TB) string { return servicestest.Env(t, "MONGODB_URI") }

// through is the server, without TLS, by way of the proxy, which reads the commands. Retries of the driver's own would hide the
// faults that the proxy makes.
func through(t *testing.T) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(servicestest.Env(t, "MONGODB_PLAIN_URI"))
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, u.Host)
	u.Host = p.listener.Addr().String()
	if u.Path == "" {
		u.Path = "/"
	}
	q := u.Query()
	q.Set("directConnection", "true")
	q.Set("retryWrites", "false")
	q.Set("retryReads", "false")
	q.Set("serverMonitoringMode", "poll")
	u.RawQuery = q.Encode()
	return p, u.String()
}

var databases atomic.Int64

// scratch names a database that is dropped when the test ends.
func scratch(t testing.TB, uri string) string {
	t.Helper()
	name := fmt.Sprintf("awala_test_%d_%d", os.Getpid(), databases.Add(1))
	t.Cleanup(func() {
		withClient(t, uri, func(ctx context.Context, c *driver.Client) error { return c.Database(name).Drop(ctx) })
	})
	return name
}

func withClient(t testing.TB, uri string, do func(context.Context, *driver.Client) error) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	if err := do(ctx, client); err != nil {
		t.Error(err)
	}
	if err := client.Disconnect(ctx); err != nil {
		t.Error(err)
	}
}

func open(t testing.TB, uri, name string) documents.Database {
	t.Helper()
	db, err := mongo.Open(t.Context(), mongo.Options{URI: uri, Database: name})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// racy says why the server's guarded replacements lose races, if they do.
func racy(t *testing.T, uri string) (why string) {
	t.Helper()
	withClient(t, uri, func(ctx context.Context, c *driver.Client) error {
		build, err := c.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Raw()
		if err == nil && build.Lookup("ferretdbVersion").Type != 0 {
			why = "FerretDB v1 reads and writes in two steps; MongoDB does not"
		}
		return err
	})
	return why
}

func TestConformance(t *testing.T) {
	uri := serverURI(t)
	why := racy(t, uri)
	documentstest.Run(t, func(t *testing.T) documentstest.Fixture {
		name := scratch(t, uri)
		return documentstest.Fixture{
			Open: func(t *testing.T) documents.Database { return open(t, uri, name) },
			OpenFaulty: func(t *testing.T) (documents.Database, func(documentstest.Fault)) {
				p, proxied := through(t)
				return open(t, proxied, name), p.fail
			},
			Racy: why,
		}
	})
}

// TestStoredForm holds what operators query against its documented form.
func TestStoredForm(t *testing.T) {
	uri := serverURI(t)
	name := scratch(t, uri)
	db := open(t, uri, name)
	defer db.Close(context.WithoutCancel(t.Context()))
	c, err := db.Collection(t.Context(), "mailbox", []string{"owner"})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Replace(t.Context(), []documents.Document{{
		ID: "a", Position: 1 << 60, Keys: map[string]string{"owner": "alice"}, Body: []byte(`{"size":9007199254740993,"to":{"host":"example.com"}}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	withClient(t, uri, func(ctx context.Context, client *driver.Client) error {
		filter := bson.D{
			{Key: "key_owner", Value: "alice"},
			{Key: "pos", Value: int64(1) << 60},
			{Key: "body.size", Value: int64(9007199254740993)},
			{Key: "body.to.host", Value: "example.com"},
		}
		return client.Database(name).Collection("mailbox").FindOne(ctx, filter).Err()
	})
}

// TestForeignValues reads what only an operator's hand can have written.
func TestForeignValues(t *testing.T) {
	uri := serverURI(t)
	name := scratch(t, uri)
	db := open(t, uri, name)
	defer db.Close(context.WithoutCancel(t.Context()))
	c, err := db.Collection(t.Context(), "mailbox", []string{"owner"})
	if err != nil {
		t.Fatal(err)
	}
	withClient(t, uri, func(ctx context.Context, client *driver.Client) error {
		_, err := client.Database(name).Collection("mailbox").InsertMany(ctx, []any{
			bson.D{{Key: "_id", Value: "fine"}, {Key: "pos", Value: int32(7)}, {Key: "note", Value: 1}, {Key: "body", Value: bson.D{{Key: "n", Value: int32(1)}}}},
			bson.D{{Key: "_id", Value: "odd"}, {Key: "pos", Value: int32(7)}, {Key: "body", Value: bson.D{{Key: "id", Value: bson.NewObjectID()}}}},
		})
		return err
	})
	if doc, err := c.Get(t.Context(), "fine"); err != nil || doc.Position != 7 || string(doc.Body) != `{"n":1}` {
		t.Errorf("Get() = %v, %v", doc, err)
	}
	if _, err := c.Get(t.Context(), "odd"); err == nil || !strings.Contains(err.Error(), "objectID") {
		t.Errorf("Get() = %v, want an error that names the type", err)
	}
}

func TestLogTellsOfTheServer(t *testing.T) {
	uri := serverURI(t)
	if racy(t, uri) == "" {
		t.Skip("the server has all that MongoDB has")
	}
	var log strings.Builder
	db, err := mongo.Open(t.Context(), mongo.Options{
		URI: uri, Database: scratch(t, uri), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	if _, err := db.Collection(t.Context(), "mailbox", nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"is FerretDB", "no TTL index", "collection=mailbox"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
}

func TestOpenNoServer(t *testing.T) {
	_, err := mongo.Open(t.Context(), mongo.Options{
		URI: "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", Database: "nothing",
	})
	if err == nil {
		t.Error("Open() found a server where there is none")
	}
}

func BenchmarkMongo(b *testing.B) {
	uri := serverURI(b)
	documentstest.Benchmark(b, 500, func(b *testing.B) documents.Database { return open(b, uri, scratch(b, uri)) })
}
