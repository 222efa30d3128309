package config

// NATS is the cluster that keeps the event history, for the roles that are
// processes of their own. Its servers must run JetStream with sync_interval
// always; the roles verify that through the system account.
type NATS struct {
	URLs NATSURLs `name:"nats-url" default:"nats://127.0.0.1:4222" usage:"NATS servers, separated by commas; nats:// or tls://"`
	// Credentials is a file as nsc makes it; otherwise User and Password.
	Credentials Path   `name:"nats-credentials" default:"" usage:"credentials file (.creds) for NATS"`
	User        Text   `name:"nats-user" default:"" usage:"user name for NATS"`
	Password    Secret `name:"nats-password" default:"" usage:"password for NATS"`
	TLSCA       Path   `name:"nats-tls-ca" default:"" usage:"PEM file of the authorities to trust for NATS; the system's if empty"`
	TLSCert     Path   `name:"nats-tls-cert" default:"" usage:"PEM file of the certificate to show to NATS, if its servers verify clients"`
	TLSKey      Path   `name:"nats-tls-key" default:"" usage:"PEM file of the key of --nats-tls-cert"`
	// Replicas is the number of copies of each stream. It can grow later.
	Replicas Count `name:"nats-replicas" default:"3" usage:"copies of each stream, at most the number of servers"`
	// The system account's user is only used at the start, to verify the servers.
	SystemCredentials Path   `name:"nats-system-credentials" default:"" usage:"credentials file of the system account, to verify sync_interval"`
	SystemUser        Text   `name:"nats-system-user" default:"" usage:"user name of the system account, to verify sync_interval"`
	SystemPassword    Secret `name:"nats-system-password" default:"" usage:"password of the system account, to verify sync_interval"`
	// AssumeSync skips that for those who have no access to the system account,
	// as with a hosted cluster. If it is wrong, a power cut loses parcels.
	AssumeSync Switch `name:"nats-assume-sync" default:"false" usage:"trust that all servers have sync_interval always, instead of verifying it"`
}

// ObjectStore is the S3 bucket that keeps parcels and cargoes.
type ObjectStore struct {
	Endpoint  URL    `name:"s3-endpoint" default:"https://s3.amazonaws.com" usage:"URL of the object store"`
	Bucket    Text   `name:"s3-bucket" default:"" usage:"bucket for parcels and cargoes"`
	Region    Text   `name:"s3-region" default:"" usage:"region of the bucket; asked for if empty"`
	AccessKey Text   `name:"s3-access-key" default:"" usage:"access key of the object store"`
	SecretKey Secret `name:"s3-secret-key" default:"" usage:"secret key of the object store"`
	TLSCA     Path   `name:"s3-tls-ca" default:"" usage:"PEM file of the authorities to trust for the object store; the system's if empty"`
}

// MongoDB is the database that keeps the projections.
type MongoDB struct {
	// URI has options for everything else: tls, tlsCAFile, tlsCertificateKeyFile,
	// authMechanism and so on.
	URI      Secret `name:"mongodb-uri" default:"" usage:"connection string of MongoDB, which may hold a password; with tls=true&tlsCAFile=PATH for TLS"`
	Database Text   `name:"mongodb-database" default:"awala_gateway" usage:"database that holds nothing but projections"`
}

// Vault is the key store, a KV v2 engine. Its layout is the reference
// implementation's. The gateway uses a token that it is given, or logs in by itself
// as an AppRole; either way it renews its token.
type Vault struct {
	Address URL           `name:"vault-address" default:"https://127.0.0.1:8200" usage:"URL of Vault"`
	Token   RenewedSecret `name:"vault-token" default:"" usage:"token for Vault, unless --vault-role-id logs in"`
	// RoleID and SecretID log in as an AppRole, which is mounted at AppRoleMount.
	RoleID       Text          `name:"vault-role-id" default:"" usage:"role id of an AppRole, to log in to Vault"`
	SecretID     RenewedSecret `name:"vault-secret-id" default:"" usage:"secret id of --vault-role-id, if the AppRole wants one"`
	AppRoleMount Text          `name:"vault-approle-mount" default:"approle" usage:"path of Vault's AppRole authentication"`
	Mount        Text          `name:"vault-mount" default:"gw-keys" usage:"path of the KV v2 engine"`
	Folder       Text          `name:"vault-folder" default:"" usage:"folder of the keys in the engine"`
	TLSCA        Path          `name:"vault-tls-ca" default:"" usage:"PEM file of the authorities to trust for Vault; the system's if empty"`
	TLSCert      Path          `name:"vault-tls-cert" default:"" usage:"PEM file of the certificate to show to Vault, if it verifies clients"`
	TLSKey       Path          `name:"vault-tls-key" default:"" usage:"PEM file of the key of --vault-tls-cert"`
}

// remoteRequired are the settings without which no remote service can be
// reached.
var remoteRequired = []string{"s3-bucket", "s3-access-key", "s3-secret-key", "mongodb-uri"}

// checkPairs refuses a certificate without its key, and a key without its certificate.
func (c *Config) checkPairs() error {
	for name, pair := range map[string][2]Path{
		"nats": {c.NATS.TLSCert, c.NATS.TLSKey}, "vault": {c.Vault.TLSCert, c.Vault.TLSKey},
	} {
		if (pair[0] == "") != (pair[1] == "") {
			return &Error{Where: "--" + name + "-tls-cert", Problem: "and --" + name + "-tls-key go together"}
		}
	}
	return nil
}

// CheckRemote returns an error that names the first setting that is missing for
// a role with backing services of its own.
func (c *Config) CheckRemote() error {
	if err := c.require(remoteRequired); err != nil {
		return err
	}
	if c.Vault.Token == "" && c.Vault.RoleID == "" {
		return &Error{Where: "--vault-token", Problem: "or --vault-role-id is required"}
	}
	if c.Vault.Token != "" && c.Vault.RoleID != "" {
		return &Error{Where: "--vault-token", Problem: "is given together with --vault-role-id"}
	}
	if !c.NATS.AssumeSync && c.NATS.SystemUser == "" && c.NATS.SystemCredentials == "" {
		return &Error{Where: "--nats-system-user", Problem: "or --nats-system-credentials is required to verify that NATS syncs; or give --nats-assume-sync"}
	}
	return c.checkPairs()
}

// require returns an error that names the first of these settings that is missing.
func (c *Config) require(names []string) error {
	given := make(map[string]bool)
	for _, o := range Options(c) {
		given[o.Name] = o.Value.String() != ""
	}
	for _, name := range names {
		if !given[name] {
			return &Error{Where: "--" + name, Problem: "is required, as is " + envName(name) + " or the key in the file"}
		}
	}
	return nil
}
