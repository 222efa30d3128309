package doctor

import (
	"context"
	"net"
	"net/url"

	"awala.network/gateway/internal/config"
)

// examineSettings looks at settings that are valid and hardly meant.
func examineSettings(_ context.Context, c *Case, r *Report) {
	s := c.Config
	if s.Gateway.InternetAddress == config.Default().Gateway.InternetAddress {
		r.problem("internet-address", "set --internet-address to the name under which your SRV records stand, before the first start: it cannot change later",
			"the Internet address is the example's, %s", s.Gateway.InternetAddress)
	} else {
		r.ok("internet-address", "the Internet address is %s", s.Gateway.InternetAddress)
	}
	examineAdmin(s.Admin, r)
	if s.PDC.AllowPrivate || s.PDC.AllowHTTP {
		r.warning("delivery-guards", "remove --pdc-allow-private and --pdc-allow-http, which are for tests",
			"parcels may be sent to private addresses or without TLS: a peer can make the gateway talk to your own network")
	} else {
		r.ok("delivery-guards", "parcels go to public addresses over HTTPS only")
	}
	examinePassphrase(c, r)
	examinePlainText(c, r)
}

// examineAdmin wants a token, or a proxy that logs people in, where others than this
// machine reach the admin server.
func examineAdmin(admin config.Admin, r *Report) {
	host, _, err := net.SplitHostPort(string(admin.Listen))
	switch {
	case err != nil: // it is off
		r.ok("admin-listen", "the admin server is off")
	case isLoopback(host):
		r.ok("admin-listen", "the admin server listens on %s, for this machine alone", admin.Listen)
	case admin.Access.Token == "" && admin.Console.UserHeader == "":
		r.warning("admin-listen", "set --admin-token-file, which commands take, too; or listen on 127.0.0.1",
			"the admin server listens on %s and asks nobody who they are: who reaches it may read the history, and change things", admin.Listen)
	default:
		r.ok("admin-listen", "the admin server listens on %s, and wants to know who asks", admin.Listen)
	}
	if admin.Listen.Enabled() && bool(admin.Console.Changes) && admin.Access.Token == "" && admin.Console.UserHeader == "" {
		r.warning("console-changes", "set --admin-token-file, or --console-user-header with the proxy that logs people in",
			"the console may change things, and who does so is not known")
	}
}

func examinePassphrase(c *Case, r *Report) {
	if c.DataDir == "" {
		return
	}
	if c.Config.Standalone.KeysPassphrase == "" {
		r.warning("keys-passphrase", "set --keys-passphrase-file before the first start, and keep a copy of the passphrase elsewhere",
			"the private keys in the data folder are not sealed with a passphrase: whoever copies the folder has them")
		return
	}
	r.ok("keys-passphrase", "the private keys are sealed with a passphrase")
}

// examinePlainText finds services that are spoken to without TLS beyond this machine.
func examinePlainText(c *Case, r *Report) {
	if c.DataDir != "" {
		return
	}
	plain := false
	for _, service := range []struct{ setting, url string }{
		{"s3-endpoint", string(c.Config.ObjectStore.Endpoint)}, {"vault-address", string(c.Config.Vault.Address)},
	} {
		u, err := url.Parse(service.url)
		if err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			plain = true
			r.warning("tls-"+service.setting, "use https in --"+service.setting, "%s is reached without TLS: its secrets can be read on the way", u.Host)
		}
	}
	if !plain {
		r.ok("tls-services", "the object store and Vault are reached over TLS, or on this machine")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
