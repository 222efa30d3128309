package postman

import (
	"context"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"awala.network/gateway/internal/pohttp"
	"awala.network/gateway/internal/resolver"
)

// Lookup finds the targets of a service name (see [resolver.Cache]).
type Lookup interface {
	LookupSRV(ctx context.Context, name string) ([]resolver.Target, error)
}

// Options say how a [Client] works.
type Options struct {
	// Lookup is required, unless every address has an override.
	Lookup Lookup
	// Overrides pin addresses to URLs.
	Overrides []Override
	// AllowPrivate lets every address be dialled, AllowHTTP redirects lead to
	// plain HTTP.
	AllowPrivate, AllowHTTP bool
	// Roots are the authorities that servers' certificates are checked with; nil
	// is the system's.
	Roots *x509.CertPool
	// UserAgent is sent with each request.
	UserAgent string
	// SendTrace lets other nodes have our trace context (W3C traceparent).
	SendTrace bool
	// Timeout bounds a request by the size of its body; nil is [Timeout].
	Timeout func(size int) time.Duration
}

// Client delivers parcels. It is safe for concurrent use.
type Client struct {
	lookup    Lookup
	overrides map[string]*url.URL
	allowHTTP bool
	sendTrace bool
	userAgent string
	timeout   func(size int) time.Duration
	random    func(n int) int

	// guarded dials what may be dialled; pinned dials everything, and is for the
	// origins of overrides alone. They share no connections.
	guarded, pinned *http.Transport
}

// New returns a client.
func New(o Options) *Client {
	c := &Client{
		lookup: o.Lookup, overrides: make(map[string]*url.URL), allowHTTP: o.AllowHTTP, userAgent: o.UserAgent, sendTrace: o.SendTrace,
		timeout: o.Timeout, random: rand.IntN, guarded: newTransport(o.Roots, refuseSpecial), pinned: newTransport(o.Roots, nil),
	}
	if o.AllowPrivate {
		c.guarded = newTransport(o.Roots, nil)
	}
	if c.timeout == nil {
		c.timeout = Timeout
	}
	for _, override := range o.Overrides {
		c.overrides[Normalize(override.Name)] = override.URL
	}
	return c
}

// Close closes the connections that no attempt is using.
func (c *Client) Close() {
	c.guarded.CloseIdleConnections()
	c.pinned.CloseIdleConnections()
}

// Deliver posts a parcel to the node at an Internet address. If several servers
// can take it and one cannot be reached, the next is asked within the same
// attempt.
func (c *Client) Deliver(ctx context.Context, address string, parcel []byte) pohttp.Result {
	address = Normalize(address)
	if u := c.overrides[address]; u != nil {
		return c.post(ctx, u, u, parcel)
	}
	servers, err := c.servers(ctx, address)
	if err != nil {
		return pohttp.Result{Stage: pohttp.StageDNS, Cause: oneLine(err)}
	}
	var result pohttp.Result
	for _, u := range servers {
		result = c.post(ctx, u, nil, parcel)
		if result.Stage == pohttp.StageAnswer || ctx.Err() != nil {
			return result
		}
	}
	return result
}

// maxServers bounds the servers that one attempt asks.
const maxServers = 4

var errNotOffered = errors.New("the address does not offer PoHTTP")

// servers returns the URLs of an address, in the order in which to try them. A
// name without service records serves parcels itself.
func (c *Client) servers(ctx context.Context, address string) ([]*url.URL, error) {
	targets, err := c.lookup.LookupSRV(ctx, "_awala-pdc._tcp."+address)
	if errors.Is(err, resolver.ErrNotFound) {
		return []*url.URL{{Scheme: "https", Host: address, Path: "/"}}, nil
	}
	if err != nil {
		return nil, err
	}
	var servers []*url.URL
	for _, t := range resolver.Order(targets, c.random) {
		if t.Host != "" && len(servers) < maxServers {
			servers = append(servers, &url.URL{Scheme: "https", Host: hostPort(t), Path: "/"})
		}
	}
	if len(servers) == 0 {
		return nil, errNotOffered
	}
	return servers, nil
}

// hostPort leaves the default port out, as it stands in the Host header.
func hostPort(t resolver.Target) string {
	if t.Port == 443 {
		return t.Host
	}
	return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
}
