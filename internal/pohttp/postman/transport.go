package postman

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Bounds of a connection. They suit links on which a parcel of 8 MiB takes
// minutes, and notice peers that are gone.
const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	idleTimeout   = 90 * time.Second
	pingAfter     = 15 * time.Second // of silence, on HTTP/2
	maxIdle       = 256
	maxIdlePer    = 8
	maxHeaderSize = 64 << 10
)

// newTransport returns a transport that shares connections. It dials any address
// if control is nil.
func newTransport(roots *x509.CertPool, control controlFunc) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePer,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderSize,
		DisableCompression:     true,
	}
}

type controlFunc = func(ctx context.Context, network, address string, c syscall.RawConn) error

// Pace is the slowest transfer that is waited for, in octets per second.
const Pace = 64 << 10

// patience is the time for everything but the transfer.
const patience = 60 * time.Second

// Timeout bounds one request with a body of that many octets.
func Timeout(size int) time.Duration {
	return patience + time.Duration(size)*time.Second/Pace
}
