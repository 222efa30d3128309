// Package former runs a deployment of the Node.js gateway of the NATS Streaming
// generation, as far as others see it: its four stores, in the formats in which it
// writes them, and what its workers do to its queues.
//
// MongoDB and the object store are those that the tests' services run (see
// deployments/dev/services.sh), in a database and a bucket of their own, and so is
// Vault where they run it, else something stands in for it; NATS Streaming is a real
// server, started here.
package former

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Deployment is the stores. Its methods fail the test.
type Deployment struct {
	t *testing.T

	database *mongo.Database
	objects  *minio.Client
	bucket   string
	vault    secrets
	*Streaming
}

// Start starts a deployment with empty stores, which ends with the test. It skips the
// test where the services are not there.
func Start(t *testing.T) *Deployment {
	t.Helper()
	d := &Deployment{t: t}
	endpoint := d.env("AWALA_TEST_S3_ENDPOINT")
	name := "former-" + strings.ToLower(rand.Text()[:10])
	d.vault = startVault(t, name)
	d.openBucket(endpoint, name)
	d.openDatabase(strings.ReplaceAll(name, "-", "_"))
	d.Streaming = StartStreaming(t)
	return d
}

// env returns a variable, and skips the test where it is not set.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		if os.Getenv("AWALA_TEST_REQUIRE_SERVICES") != "" {
			t.Fatalf("%s is not set", name)
		}
		t.Skipf("needs the servers of the task test:takeover; %s is not set", name)
	}
	return value
}

func (d *Deployment) env(name string) string {
	d.t.Helper()
	return env(d.t, name)
}

func (d *Deployment) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *Deployment) openBucket(endpoint, name string) {
	d.t.Helper()
	parsed, err := url.Parse(endpoint)
	d.check(err)
	transport, err := minio.DefaultTransport(parsed.Scheme == "https")
	d.check(err)
	if ca := os.Getenv("AWALA_TEST_TLS_CA"); ca != "" && transport.TLSClientConfig != nil {
		pem, err := os.ReadFile(ca)
		d.check(err)
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem)
	}
	d.objects, err = minio.New(parsed.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(d.env("AWALA_TEST_S3_ACCESS_KEY"), d.env("AWALA_TEST_S3_SECRET_KEY"), ""),
		Secure: parsed.Scheme == "https", Transport: transport,
	})
	d.check(err)
	d.bucket = name
	d.check(d.objects.MakeBucket(d.t.Context(), name, minio.MakeBucketOptions{}))
}

func (d *Deployment) openDatabase(name string) {
	d.t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(d.env("AWALA_TEST_MONGODB_URI")))
	d.check(err)
	d.database = client.Database(name)
	d.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = d.database.Drop(ctx) // the services are thrown away
		_ = client.Disconnect(ctx)
	})
}

// Flags are those of the takeover command that name the stores.
func (d *Deployment) Flags() []string {
	vault := d.vault.access()
	return []string{
		"--from-mongo", d.env("AWALA_TEST_MONGODB_URI"), "--from-mongo-database", d.database.Name(),
		"--from-vault", vault.address, "--from-vault-token", vault.token, "--from-vault-mount", vault.mount,
		"--from-s3", d.env("AWALA_TEST_S3_ENDPOINT"), "--from-s3-bucket", d.bucket,
		"--from-s3-access-key", d.env("AWALA_TEST_S3_ACCESS_KEY"), "--from-s3-secret-key", d.env("AWALA_TEST_S3_SECRET_KEY"),
		"--from-tls-ca", os.Getenv("AWALA_TEST_TLS_CA"),
		"--from-stan", d.URL, "--from-stan-monitor", d.Monitor, "--cluster", ClusterID,
	}
}

// PutObject stores an object, with the metadata that say when it expires unless that
// is 0.
func (d *Deployment) PutObject(key string, body []byte, expiry int64) {
	d.t.Helper()
	o := minio.PutObjectOptions{}
	if expiry != 0 {
		o.UserMetadata = map[string]string{"parcel-expiry": strconv.FormatInt(expiry, 10)}
	}
	_, err := d.objects.PutObject(d.t.Context(), d.bucket, key, bytes.NewReader(body), int64(len(body)), o)
	d.check(err)
}

// DeleteObject deletes an object.
func (d *Deployment) DeleteObject(key string) {
	d.t.Helper()
	d.check(d.objects.RemoveObject(d.t.Context(), d.bucket, key, minio.RemoveObjectOptions{}))
}

// Insert stores documents in a collection.
func (d *Deployment) Insert(collection string, documents ...bson.M) {
	d.t.Helper()
	_, err := d.database.Collection(collection).InsertMany(d.t.Context(), documents)
	d.check(err)
}

// PutIdentityKey stores an identity key, as base64 of PKCS #8.
func (d *Deployment) PutIdentityKey(nodeID, key string) {
	d.vault.Put("i-"+nodeID, map[string]any{"privateKey": key})
}

// PutSessionKey stores a session key, bound to a peer unless that is "".
func (d *Deployment) PutSessionKey(nodeID, peerID, keyID, key string) {
	data := map[string]any{"privateKey": key, "nodeId": nodeID}
	if peerID != "" {
		data["peerId"] = peerID
	}
	d.vault.Put("s-"+hexOf(keyID), data)
}

// PutInitialSessionKey stores the latest unbound session key.
func (d *Deployment) PutInitialSessionKey(nodeID, keyID, key string) {
	d.PutSessionKey(nodeID, "", keyID, key)
	d.vault.Put("s-node-"+nodeID, map[string]any{"privateKey": key, "keyId": hexOf(keyID)})
}

// PutSecret stores anything.
func (d *Deployment) PutSecret(path string, data map[string]any) { d.vault.Put(path, data) }

// hexOf turns base64 into hexadecimal.
func hexOf(encoded string) string {
	octets, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "no base64"
	}
	return hex.EncodeToString(octets)
}

// Snapshot is everything in the stores, in a form that can be compared.
func (d *Deployment) Snapshot() map[string]any {
	d.t.Helper()
	all := map[string]any{}
	for object := range d.objects.ListObjectsIter(d.t.Context(), d.bucket, minio.ListObjectsOptions{Recursive: true}) {
		d.check(object.Err)
		all["object "+object.Key] = object.ETag
	}
	for path, secret := range d.vault.Snapshot() {
		all["secret "+path] = secret
	}
	names, err := d.database.ListCollectionNames(d.t.Context(), bson.D{})
	d.check(err)
	for _, name := range names {
		cursor, err := d.database.Collection(name).Find(d.t.Context(), bson.D{})
		d.check(err)
		for cursor.Next(d.t.Context()) {
			all["document "+name+" "+cursor.Current.Lookup("_id").String()] = cursor.Current.String()
		}
		d.check(cursor.Err())
	}
	maps.Copy(all, d.Streaming.Snapshot())
	return all
}
