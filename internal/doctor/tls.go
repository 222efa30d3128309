package doctor

import (
	"context"
	"crypto/tls"
	"time"

	"awala.network/gateway/internal/config"
)

// Certificates that end sooner than this are told of: ACME clients renew them a
// month before.
const certificateMargin = 14 * 24 * time.Hour

// examineTLS looks at the files of the servers' certificates.
func examineTLS(_ context.Context, c *Case, r *Report) {
	examineServerTLS(c, r, "poweb", "PoWeb", c.Config.PoWeb.TLSCert, c.Config.PoWeb.TLSKey)
	examineServerTLS(c, r, "pohttp", "PoHTTP", c.Config.PoHTTP.TLSCert, c.Config.PoHTTP.TLSKey)
	examineServerTLS(c, r, "cogrpc", "CogRPC", c.Config.CogRPC.TLSCert, c.Config.CogRPC.TLSKey)
}

func examineServerTLS(c *Case, r *Report, server, name string, certificate, key config.Path) {
	check := server + "-tls"
	switch {
	case certificate == "" && key == "":
		r.ok(check, "the %s server speaks no TLS: a proxy has to", name)
		return
	case certificate == "" || key == "":
		r.problem(check, "give both --"+server+"-tls-cert and --"+server+"-tls-key", "one of the two files of the %s server's TLS is not given", name)
		return
	}
	pair, err := tls.LoadX509KeyPair(string(certificate), string(key))
	if err != nil {
		r.problem(check, "put a PEM certificate chain and its key there, readable by the gateway's user", "the %s server's certificate cannot be used: %v", name, err)
		return
	}
	examineExpiry(r, check, "the "+name+" server's certificate", "renew it; the server takes the new files without a restart",
		pair.Leaf.NotAfter, c.Now(), certificateMargin)
}

// examineExpiry tells when something ends.
func examineExpiry(r *Report, check, what, fix string, end, now time.Time, margin time.Duration) {
	left := end.Sub(now)
	switch {
	case left <= 0:
		r.problem(check, fix, "%s expired on %s", what, end.UTC().Format(time.RFC3339))
	case left < margin:
		r.warning(check, fix, "%s expires on %s", what, end.UTC().Format(time.RFC3339))
	default:
		r.ok(check, "%s is valid until %s", what, end.UTC().Format(time.DateOnly))
	}
}
