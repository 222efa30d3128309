package doctor

import (
	"context"
	"crypto/tls"
	"time"
)

// Certificates that end sooner than this are told of: ACME clients renew them a
// month before.
const certificateMargin = 14 * 24 * time.Hour

// examineTLS looks at the files of the CogRPC server's certificate.
func examineTLS(_ context.Context, c *Case, r *Report) {
	const check = "cogrpc-tls"
	files := c.Config.CogRPC
	switch {
	case files.TLSCert == "" && files.TLSKey == "":
		r.ok(check, "the CogRPC server speaks no TLS: a proxy has to")
		return
	case files.TLSCert == "" || files.TLSKey == "":
		r.problem(check, "give both --cogrpc-tls-cert and --cogrpc-tls-key", "one of the two files of the CogRPC server's TLS is not given")
		return
	}
	pair, err := tls.LoadX509KeyPair(string(files.TLSCert), string(files.TLSKey))
	if err != nil {
		r.problem(check, "put a PEM certificate chain and its key there, readable by the gateway's user", "the CogRPC server's certificate cannot be used: %v", err)
		return
	}
	examineExpiry(r, check, "the CogRPC server's certificate", "renew it; the server takes the new files without a restart",
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
