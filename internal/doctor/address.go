package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"awala.network/gateway/internal/resolver"
)

// dialTimeout bounds the connection to one server.
const dialTimeout = 5 * time.Second

// Services under an Internet address (RS-000 §Addressing): to Internet nodes, to
// private gateways, to couriers.
var addressServices = []struct{ service, who string }{
	{"_awala-pdc._tcp", "Internet nodes"}, {"_awala-gsc._tcp", "private gateways"}, {"_awala-crc._tcp", "couriers"},
}

// examineAddress looks up the records of the Internet address, which must be
// authenticated by DNSSEC, and connects to the servers that they name.
func examineAddress(ctx context.Context, c *Case, r *Report) {
	address := string(c.Config.Gateway.InternetAddress)
	roots, err := authorities(string(c.Config.PDC.CAFile))
	if err != nil {
		r.problem("pdc-ca-file", "put PEM certificates there, or remove --pdc-ca-file", "%v", err)
	}
	for _, s := range addressServices {
		name := s.service + "." + address
		check := "dns" + s.service[len("_awala"):len(s.service)-len("._tcp")]
		answer, err := c.Lookup.LookupSRV(ctx, name)
		switch {
		case errors.Is(err, resolver.ErrInsecure):
			r.problem(check, "sign the zone with DNSSEC and publish its DS record at the parent; if it is signed, use a resolver that validates (--pdc-doh-url, --pdc-resolver)",
				"the answer for %s is not authenticated by DNSSEC, so peers do not believe it", name)
		case errors.Is(err, resolver.ErrNotFound):
			r.problem(check, fmt.Sprintf("add a record such as: %s. 3600 IN SRV 0 0 443 host.%s.", name, address),
				"there is no SRV record %s: %s cannot find the gateway", name, s.who)
		case err != nil:
			r.warning(check, "let this machine reach the resolver (--pdc-doh-url, --pdc-resolver)", "%s could not be looked up: %v", name, err)
		default:
			r.ok(check, "%s names %d servers, authenticated by DNSSEC", name, len(answer.Targets))
			for _, t := range answer.Targets {
				examineTarget(ctx, c, r, check, t, roots)
			}
		}
	}
}

// authorities returns the system's and those of a file; nil means the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("there is no certificate in %s", file)
	}
	return roots, nil
}

// examineTarget connects to a server as a peer would.
func examineTarget(ctx context.Context, c *Case, r *Report, check string, t resolver.Target, roots *x509.CertPool) {
	check += "-server"
	if t.Host == "" {
		r.problem(check, "name a host in the SRV record", "the SRV record says that the service is not offered")
		return
	}
	server := net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: t.Host}}
	conn, err := dialer.DialContext(ctx, "tcp", server)
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		r.problem(check, "give the server (or the proxy before it) a valid certificate for "+t.Host+", with its whole chain",
			"peers do not trust the certificate of %s: %v", server, unverified.Err)
	case err != nil:
		r.problem(check, "start the server, open the port in firewalls, and let a proxy or the server speak TLS there", "%s cannot be reached: %v", server, err)
	default:
		leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		examineExpiry(r, check, "the certificate of "+server, "renew it", leaf.NotAfter, c.Now(), certificateMargin)
		_ = conn.Close() // nothing was sent
	}
}
