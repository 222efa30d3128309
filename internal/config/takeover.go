package config

import (
	"net/url"
	"reflect"
)

// Takeover is the deployment of the Node.js gateway that a takeover reads from.
type Takeover struct {
	Mongo         Secret `name:"from-mongo" default:"" usage:"connection string of the other gateway's MongoDB"`
	MongoDatabase Text   `name:"from-mongo-database" default:"" usage:"database of the other gateway"`

	Vault      URL    `name:"from-vault" default:"https://127.0.0.1:8200" usage:"URL of the other gateway's Vault"`
	VaultToken Secret `name:"from-vault-token" default:"" usage:"token that may read and list there"`
	VaultMount Text   `name:"from-vault-mount" default:"gw-keys" usage:"path of its KV v2 engine"`

	S3        URL    `name:"from-s3" default:"https://s3.amazonaws.com" usage:"URL of the other gateway's object store"`
	Bucket    Text   `name:"from-s3-bucket" default:"" usage:"bucket of the other gateway"`
	AccessKey Text   `name:"from-s3-access-key" default:"" usage:"access key that may read and list there"`
	SecretKey Secret `name:"from-s3-secret-key" default:"" usage:"secret key of --from-s3-access-key"`

	// Stan is a secret because it may hold a password.
	Stan        Secret `name:"from-stan" default:"" usage:"URL of the other gateway's NATS Streaming server, nats://HOST:PORT"`
	StanMonitor URLs   `name:"from-stan-monitor" default:"http://127.0.0.1:8222" usage:"URL of that server's monitoring endpoint; of a cluster or fault-tolerance group those of all servers, with commas between"`
	Cluster     Text   `name:"cluster" default:"" usage:"id of the NATS Streaming cluster"`

	// TLSCA is not for MongoDB, whose connection string says whom to trust.
	TLSCA Path `name:"from-tls-ca" default:"" usage:"PEM file of authorities to trust beside the system's for the other gateway's Vault, object store and NATS Streaming"`
}

// takeoverRequired are the settings without which nothing can be taken over.
var takeoverRequired = []string{
	"from-mongo", "from-mongo-database", "from-vault-token", "from-s3-bucket", "from-s3-access-key", "from-s3-secret-key",
	"from-stan", "from-stan-monitor", "cluster",
}

// CheckTakeover returns an error that names the first setting that is missing for a
// takeover, or that would have both gateways share what they must not.
func (c *Config) CheckTakeover(remote bool) error {
	if err := c.require(takeoverRequired); err != nil {
		return err
	}
	t := c.Takeover
	if stan, err := url.Parse(t.Stan.Reveal()); err != nil || stan.Host == "" {
		return &Error{Where: "--from-stan", Problem: "want a URL such as nats://127.0.0.1:4222"}
	}
	switch {
	case !remote:
		return nil
	case t.S3 == c.ObjectStore.Endpoint && t.Bucket == c.ObjectStore.Bucket:
		return &Error{Where: "--s3-bucket", Problem: "is the other gateway's: take over into a bucket of its own"}
	case t.Mongo == c.MongoDB.URI && t.MongoDatabase == c.MongoDB.Database:
		return &Error{Where: "--mongodb-database", Problem: "is the other gateway's: take over into a database of its own"}
	}
	return nil
}

// Running are the sections that a gateway runs on: all but that of a takeover.
func (c *Config) Running() []any {
	var sections []any
	for _, field := range reflect.ValueOf(c).Elem().Fields() {
		if section := field.Addr().Interface(); section != any(&c.Takeover) {
			sections = append(sections, section)
		}
	}
	return sections
}
