// Package connect turns settings into what the adapters of backing services need to
// reach them: addresses, credentials, authorities. The roles and the doctor use it
// both, so that the doctor examines what the roles would use.
package connect

import (
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"

	"awala.network/gateway/internal/blobs/s3"
	"awala.network/gateway/internal/config"
	"awala.network/gateway/internal/keystore/vault"
)

// Vault returns how to reach the key store.
func Vault(c config.Vault) vault.Options {
	o := vault.Options{
		Address: string(c.Address), Token: c.Token.Reveal, Mount: string(c.Mount), Folder: string(c.Folder),
		CAFile: string(c.TLSCA), CertFile: string(c.TLSCert), KeyFile: string(c.TLSKey),
	}
	if c.RoleID != "" {
		o.AppRole = &vault.AppRole{Mount: string(c.AppRoleMount), RoleID: string(c.RoleID)}
		if c.SecretID != "" {
			o.AppRole.SecretID = c.SecretID.Reveal
		}
	}
	return o
}

// ObjectStore returns how to reach the bucket.
func ObjectStore(c config.ObjectStore) (s3.Options, error) {
	endpoint, err := url.Parse(string(c.Endpoint))
	if err != nil {
		return s3.Options{}, fmt.Errorf("--s3-endpoint: %w", err)
	}
	return s3.Options{
		Endpoint: endpoint.Host, Insecure: endpoint.Scheme == "http", CAFile: string(c.TLSCA),
		AccessKey: string(c.AccessKey), SecretKey: c.SecretKey.Reveal(), Region: string(c.Region), Bucket: string(c.Bucket),
	}, nil
}

// NATS connects to the servers under a name, which they show to operators, as the
// user of the gateway's account or of the system account. A connection that is lost
// is made again, for ever.
func NATS(c config.NATS, name string, system bool) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("awala-gateway " + name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond),
	}
	credentials, user, password := c.Credentials, c.User, c.Password
	if system {
		credentials, user, password = c.SystemCredentials, c.SystemUser, c.SystemPassword
	}
	if credentials != "" {
		options = append(options, nats.UserCredentials(string(credentials)))
	}
	if user != "" {
		options = append(options, nats.UserInfo(string(user), password.Reveal()))
	}
	if c.TLSCA != "" {
		options = append(options, nats.RootCAs(string(c.TLSCA)))
	}
	if c.TLSCert != "" {
		options = append(options, nats.ClientCert(string(c.TLSCert), string(c.TLSKey)))
	}
	conn, err := nats.Connect(string(c.URLs), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return conn, nil
}
